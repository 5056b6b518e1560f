//! Which piece of text each token is: files of vocabularies.
//!
//! Three forms are read: a JSON list of strings, a JSON object of strings and their ids, and lines of text, one token each. Where the strings of
//! an object are written in GPT-2's alphabet of bytes (`Ġ` for a space), they are bytes again here.
//!
//! Text becomes tokens by the longest one that fits, from left to right. A tokenizer that merges in another order may cut the same text
//! otherwise: then give the ids. What is proven is about ids.
use crate::failure::{Failure, Result};
use crate::files;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Most tokens of a vocabulary.
const MOST: usize = 1 << 22;

/// Tokens by id.
pub struct Vocabulary {
    tokens: Vec<Vec<u8>>,
    ids: HashMap<Vec<u8>, i64>,
    longest: usize,
}

impl Vocabulary {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Vocabulary> {
        let text = String::from_utf8(files::read(path)?)
            .map_err(|_| Failure::new("a vocabulary has to be UTF-8 text").in_file(path))?;
        Vocabulary::parse(&text).map_err(|f| f.in_file(path))
    }

    /// Reads a text in any of the three forms.
    ///
    /// # Errors
    /// Where it is JSON of another form, or has more than 2²² tokens.
    pub fn parse(text: &str) -> Result<Vocabulary> {
        let json = |e: serde_json::Error| {
            Failure::new(format!(
                "the vocabulary is no JSON list of strings, nor an object of strings and ids: {e}"
            ))
            .help("give either of these, or one token a line")
        };
        let tokens = match text.trim_start().chars().next() {
            Some('[') => {
                let list: Vec<String> = serde_json::from_str(text).map_err(json)?;
                list.into_iter().map(String::into_bytes).collect()
            }
            Some('{') => {
                let all: BTreeMap<String, usize> = serde_json::from_str(text).map_err(json)?;
                object(&all)?
            }
            _ => text.lines().map(|line| line.as_bytes().to_vec()).collect(),
        };
        Vocabulary::of(tokens)
    }

    fn of(tokens: Vec<Vec<u8>>) -> Result<Vocabulary> {
        if tokens.len() > MOST {
            return Err(Failure::new("the vocabulary is too large")
                .expected(format!("at most {MOST} tokens"))
                .found(tokens.len().to_string()));
        }
        let longest = tokens.iter().map(Vec::len).max().unwrap_or(0);
        let mut ids = HashMap::new();
        for (id, token) in (0..).zip(&tokens).filter(|(_, token)| !token.is_empty()) {
            // of two spellings the first
            ids.entry(token.clone()).or_insert(id);
        }
        Ok(Vocabulary { tokens, ids, longest })
    }

    /// The ids of a text.
    pub fn encode(&self, text: &str) -> Result<Vec<i64>> {
        let (bytes, mut at, mut ids) = (text.as_bytes(), 0, vec![]);
        while at < bytes.len() {
            let lengths = (1..=self.longest.min(bytes.len() - at)).rev();
            let mut fitting = lengths.filter_map(|n| self.ids.get(&bytes[at..at + n]).map(|id| (n, *id)));
            let Some((n, id)) = fitting.next() else {
                let rest = String::from_utf8_lossy(&bytes[at..]).chars().take(12).collect::<String>();
                return Err(Failure::new("a part of the text is no token of the vocabulary").found(rest));
            };
            ids.push(id);
            at += n;
        }
        Ok(ids)
    }

    /// The text of tokens; what is no text or no token is marked.
    pub fn decode(&self, ids: &[i64]) -> String {
        let mut bytes = vec![];
        for id in ids {
            match usize::try_from(*id).ok().and_then(|id| self.tokens.get(id)) {
                Some(token) => bytes.extend(token),
                None => bytes.extend("\u{fffd}".as_bytes()),
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Tokens of an object by their ids.
fn object(all: &BTreeMap<String, usize>) -> Result<Vec<Vec<u8>>> {
    let count = all.values().max().map_or(0, |most| most.saturating_add(1));
    if count > MOST {
        return Err(Failure::new("the vocabulary has an id that is too large")
            .expected(format!("ids below {MOST}"))
            .found((count - 1).to_string()));
    }
    let alphabet = alphabet();
    let spelled = |token: &str| token.chars().map(|c| alphabet.get(&c).copied()).collect::<Option<Vec<u8>>>();
    let bytes: Option<Vec<Vec<u8>>> = all.keys().map(|token| spelled(token)).collect();
    // a vocabulary of bytes has a word that begins with a space
    let bytes = bytes.filter(|_| all.keys().any(|token| token.contains('Ġ')));
    let mut tokens = vec![vec![]; count];
    for (i, (token, id)) in all.iter().enumerate() {
        tokens[*id] = bytes.as_ref().map_or_else(|| token.as_bytes().to_vec(), |bytes| bytes[i].clone());
    }
    Ok(tokens)
}

/// GPT-2's alphabet: a character that can be seen for every byte. Bytes that are such characters stand for themselves, and the others are
/// numbered from U+0100 on.
fn alphabet() -> HashMap<char, u8> {
    let seen = |b: u8| matches!(b, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let mut hidden = 0x100..;
    let of = |b: u8| match seen(b) {
        true => (char::from(b), b),
        false => (hidden.next().and_then(char::from_u32).unwrap_or('\u{fffd}'), b),
    };
    (0..=255).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_forms_are_read_and_texts_are_cut_by_the_longest_token() {
        let list = Vocabulary::parse(r#"["a", "b", "ab", "\n"]"#).unwrap();
        assert_eq!(list.encode("abba\n").unwrap(), [2, 1, 0, 3]);
        assert_eq!(list.decode(&[2, 1, 0, 3]), "abba\n");
        assert_eq!(list.decode(&[0, 9, -1]), "a\u{fffd}\u{fffd}");
        assert!(list.encode("abc").unwrap_err().to_string().contains("c"));
        let lines = Vocabulary::parse("a\nb\nab\n").unwrap();
        assert_eq!(lines.encode("bab").unwrap(), [1, 2]);
        let object = Vocabulary::parse(r#"{"b": 1, "a": 0, "c": 5}"#).unwrap();
        assert_eq!((object.encode("cab").unwrap(), object.decode(&[3])), (vec![5, 0, 1], String::new()));
        let bytes = Vocabulary::parse(r#"{"Hello": 0, "Ġworld": 1, "Ċ": 2, "Ã¼": 3, "Ġ": 4}"#).unwrap();
        assert_eq!(bytes.encode("Hello world\nü ").unwrap(), [0, 1, 2, 3, 4]);
        assert_eq!(bytes.decode(&[0, 1, 2, 3, 4]), "Hello world\nü ");
    }

    #[test]
    fn what_is_no_vocabulary_is_refused() {
        for bad in ["[1, 2]", "{\"a\": -1}", "{\"a\": 99999999999}", "[\"a\"", "{\"a\": 1, "] {
            assert!(Vocabulary::parse(bad).is_err(), "{bad}");
        }
    }
}
