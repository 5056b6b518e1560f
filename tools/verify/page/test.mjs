// Tries the page in headless Chromium: every case that `cargo run --example cases` wrote must get the answer that the verifier gave
// there. `node test.mjs PAGE CASES [PICTURE]`; CHROMIUM names another browser.
//
// Speaks with the browser through two pipes, so that nothing has to be installed.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import assert from "node:assert/strict";

const [page, cases, picture] = process.argv.slice(2);
const profile = mkdtempSync(join(tmpdir(), "tessera-page-"));
const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", `--user-data-dir=${profile}`, "--window-size=900,900"];
const browser = spawn(process.env.CHROMIUM ?? "chromium", [...flags, "about:blank"], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });

let last = 0, text = "";
const waiting = new Map(), events = [];
browser.stdio[4].setEncoding("utf8").on("data", (part) => {
  text += part;
  for (let end; (end = text.indexOf("\0")) >= 0; text = text.slice(end + 1)) {
    const message = JSON.parse(text.slice(0, end));
    if (message.id === undefined) events.push(message);
    else waiting.get(message.id)?.(message);
  }
});
const send = (method, params = {}, sessionId = undefined) =>
  new Promise((done, fail) => {
    const id = ++last;
    waiting.set(id, (m) => (m.error ? fail(new Error(`${method}: ${m.error.message}`)) : done(m.result)));
    browser.stdio[3].write(JSON.stringify({ id, method, params, sessionId }) + "\0");
  });
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function open() {
  const { targetId } = await send("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
  const tab = (method, params) => send(method, params, sessionId);
  for (const domain of ["Page", "DOM", "Runtime", "Log", "Network"]) await tab(`${domain}.enable`);
  await tab("Page.navigate", { url: pathToFileURL(resolve(page)).href });
  const evaluate = async (expression) => {
    const { result, exceptionDetails } = await tab("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`);
    return result.value;
  };
  while (!(await evaluate(`document.readyState === "complete" && typeof check === "function"`))) await pause(20);
  const node = async (selector) => (await tab("Runtime.evaluate", { expression: `document.querySelector("${selector}")` })).result.objectId;
  const choose = async (what, file) => {
    // the same file again is a change, too
    const before = await evaluate(`by("${what}").value = ""; round`);
    await tab("DOM.setFileInputFiles", { files: [resolve(file)], objectId: await node(`#${what}`) });
    while ((await evaluate("round")) === before) await pause(5);
  };
  // the answer to everything that was set before
  const answer = async () => {
    for (;;) {
      const box = await evaluate(`(({ said, kind, round: r }) => ({ said, kind, now: Number(r) === round }))(document.getElementById("answer").dataset)`);
      if (box.now && box.kind !== "waiting") return { kind: box.kind, said: JSON.parse(box.said) };
      await pause(10);
    }
  };
  const shot = async (file) => writeFileSync(file, Buffer.from((await tab("Page.captureScreenshot", { captureBeyondViewport: true })).data, "base64"));
  return { tab, evaluate, choose, answer, shot };
}

let failed = 0, count = 0;
async function test(name, f) {
  count += 1;
  try {
    await f();
  } catch (e) {
    failed += 1;
    console.log(`FAIL ${name}: ${e.message}`);
  }
}

const KINDS = { 1: "rejected", 2: "error", 3: "unknown" };
try {
  const p = await open();
  for (const name of readdirSync(cases).sort()) {
    const file = (what) => join(cases, name, what);
    const asked = JSON.parse(readFileSync(file("asked.json"))), expected = JSON.parse(readFileSync(file("said.json")));
    await test(name, async () => {
      await p.evaluate(`by("digest").value = ${JSON.stringify(asked.digest)}; by("bits").value = ${asked.bits}; null`);
      await p.choose("key", file("key.vk"));
      await p.choose("proof", file("x.proof"));
      const { kind, said } = await p.answer();
      assert.deepEqual(said, expected);
      assert.equal(kind, said.verified === true ? "verified" : KINDS[said.exit_code]);
      const title = await p.evaluate(`document.querySelector("#answer h2").textContent`);
      assert.equal(title === "Verified", said.verified === true);
      if (picture && /^0 (holds|another output)$/.test(name)) await p.shot(picture.replace(".png", `-${kind}.png`));
    });
  }
  const all = readdirSync(cases);
  const good = all.filter((name) => name.endsWith(" holds")).sort().at(-1);
  const holds = async (q) => {
    await q.choose("key", join(cases, good, "key.vk"));
    await q.choose("proof", join(cases, good, "x.proof"));
    assert.equal((await q.answer()).kind, "verified");
  };
  await test("the page's own proof is verified until somebody asks something", async () => {
    const q = await open();
    while ((await q.evaluate("rehearsed")) === null) await pause(5);
    assert.equal(await q.evaluate("rehearsed"), 12);
  });
  await test("an empty or senseless number of bits is refused", async () => {
    const q = await open();
    for (const bits of ["", "-1", "1e9", "96.5"]) {
      await holds(q);
      await q.evaluate(`by("bits").value = ${JSON.stringify(bits)}; by("bits").dispatchEvent(new Event("input")); null`);
      assert.equal((await q.answer()).kind, "error", bits);
      await q.evaluate(`by("bits").value = "96"; null`);
    }
  });
  await test("a verifier that traps is no verdict, and the next question has another verifier", async () => {
    const q = await open();
    await holds(q);
    const failed = await q.evaluate(`ask({ proof: { length: 1e12 }, digest: "", bits: 96 }).then((a) => a.failed ?? "no trap")`);
    assert.notEqual(failed, "no trap");
    await holds(q);
    await q.evaluate(`worker.postMessage = () => worker.onmessage({ data: { failed: "trap" } }); check(); null`);
    const { kind, said } = await q.answer();
    assert.deepEqual([kind, said.exit_code], ["unknown", 3]);
    await holds(q);
  });
  await test("files that are dropped find their places", async () => {
    const q = await open();
    const bytes = (what) => readFileSync(join(cases, good, what)).toString("base64");
    await q.evaluate(`(async () => {
      const file = (name, text) => new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name);
      const all = new DataTransfer();
      all.items.add(file("b", "${bytes("x.proof")}"));
      all.items.add(file("a", "${bytes("key.vk")}"));
      dispatchEvent(new DragEvent("drop", { dataTransfer: all, cancelable: true }));
    })()`);
    while ((await q.evaluate(`document.getElementById("answer").dataset.kind`)) === "waiting") await pause(20);
    assert.equal((await q.answer()).kind, "verified");
  });
  await test("names from files are text", async () => {
    const q = await open();
    await q.evaluate(`verified({ model: "<img src=x onerror=alert(1)>", inferences: 0, padding: 0, outputs: [], inputs: [], text: { prompt: ["<b>"], generated: [4, 5] }, key: "<b>", program: "", source: "", security: { security_bits: 1, regime: "<i>", limited_by: "" } }, 1, false)`);
    assert.equal(await q.evaluate(`document.querySelectorAll("#answer img, #answer b, #answer i").length`), 0);
    assert.match(await q.evaluate(`document.getElementById("answer").textContent`), /after the prompt <b> the tokens4 5each/);
  });
  await test("nothing is asked of any server", async () => {
    const asked = events.filter((e) => e.method === "Network.requestWillBeSent").map((e) => e.params.request.url);
    assert.deepEqual(asked.filter((url) => !/^(file|blob|data|about):/.test(url)), []);
    const errors = events.filter((e) => e.method === "Runtime.exceptionThrown" || (e.method === "Log.entryAdded" && e.params.entry.level === "error"));
    assert.deepEqual(errors, []);
  });
  await test("the largest key and proof take their time", async () => {
    const q = await open();
    await holds(q);
    console.log(`the last proof: ${await q.evaluate(`[...document.querySelectorAll("#answer dd")].at(-1).textContent`)}`);
  });
} finally {
  browser.kill();
  await new Promise((done) => browser.on("exit", done));
  rmSync(profile, { recursive: true, force: true });
}
console.log(`${count - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
