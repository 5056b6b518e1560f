//! A scripted session of an editor with the language server: diagnostics, hover, go to definition.

use serde_json::{Value, json};
use std::{
    io::Write,
    process::{Command, Stdio},
};

const GOOD: &str = "func.func @main(%x: tensor<2x6xf32>) -> tensor<12xf32> {
  %flat = nn.reshape %x : tensor<2x6xf32> -> tensor<12xf32>
  %y = nn.relu %flat : tensor<12xf32>
  return %y : tensor<12xf32>
}
";

/// Sends messages after `initialize` and before `shutdown`; returns what the server says, in order.
fn session(messages: &[Value]) -> Vec<Value> {
    let first = json!({"id": 0, "method": "initialize", "params": {"processId": 1, "rootUri": null, "capabilities": {}}});
    let last = [json!({"id": 99, "method": "shutdown"}), json!({"method": "exit"})];
    let mut input = vec![];
    for message in std::iter::once(&first).chain(messages).chain(&last) {
        let mut message = message.clone();
        message["jsonrpc"] = "2.0".into();
        let body = message.to_string();
        input.extend(format!("Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes());
    }
    let mut server = Command::new(env!("CARGO_BIN_EXE_zk-lsp-server-under-test"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("zk-lsp-server runs");
    server.stdin.take().expect("its input is a pipe").write_all(&input).expect("it listens");
    let output = server.wait_with_output().expect("it ends");
    assert!(output.status.success());
    let mut rest = output.stdout.as_slice();
    let mut said = vec![];
    while !rest.is_empty() {
        let head =
            rest.windows(4).position(|four| four == b"\r\n\r\n").expect("a header ends in an empty line");
        let header = std::str::from_utf8(&rest[..head]).expect("a header is text");
        let length = header.lines().find_map(|line| line.strip_prefix("Content-Length: ")).expect("a length");
        let end = head + 4 + length.trim().parse::<usize>().expect("a number");
        said.push(serde_json::from_slice(&rest[head + 4..end]).expect("JSON"));
        rest = &rest[end..];
    }
    said
}

fn open(text: &str) -> Value {
    let document = json!({"uri": "file:///f.mlir", "languageId": "mlir", "version": 1, "text": text});
    json!({"method": "textDocument/didOpen", "params": {"textDocument": document}})
}

/// A request about the place where `word` stands first in line `line` of [`GOOD`].
fn about(id: u32, method: &str, line: usize, word: &str) -> Value {
    let column = GOOD.lines().nth(line).and_then(|text| text.find(word)).expect("the word") + 1;
    let position = json!({"line": line, "character": column});
    json!({"id": id, "method": method, "params": {"textDocument": {"uri": "file:///f.mlir"}, "position": position}})
}

fn answer(said: &[Value], id: u32) -> &Value {
    &said.iter().find(|message| message["id"] == id).unwrap_or_else(|| panic!("no answer {id}: {said:?}"))["result"]
}

fn diagnostics(said: &[Value]) -> &Value {
    let published = said.iter().find(|message| message["method"] == "textDocument/publishDiagnostics");
    &published.expect("diagnostics are published")["params"]["diagnostics"]
}

#[test]
fn a_mistake_is_shown_where_it_is() {
    let said = session(&[open(&GOOD.replace("tensor<12xf32>", "tensor<5xf32>"))]);
    assert!(answer(&said, 0)["capabilities"].is_object(), "{said:?}");
    let found = &diagnostics(&said)[0];
    assert_eq!(found["message"], "'nn.reshape' op expected 12 elements as in 2x6, found 5 in 5");
    assert_eq!(found["range"]["start"]["line"], 1);
}

#[test]
fn a_file_without_mistakes_has_no_diagnostics_and_answers_questions() {
    let said = session(&[
        open(GOOD),
        about(1, "textDocument/hover", 2, "nn.relu"),
        about(2, "textDocument/definition", 2, "%flat :"),
    ]);
    assert_eq!(diagnostics(&said), &json!([]));
    let hover = answer(&said, 1)["contents"]["value"].as_str().expect("text");
    assert!(hover.contains("\"nn.relu\"") && hover.contains("tensor<12xf32>"), "{hover}");
    let definition = &answer(&said, 2)[0];
    assert_eq!(
        (&definition["uri"], &definition["range"]["start"]["line"]),
        (&json!("file:///f.mlir"), &json!(1))
    );
}
