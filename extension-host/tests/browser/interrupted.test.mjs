// The extension's background is stopped in the middle of each part of a signature, in real browsers: the page gets what it
// asked for all the same, and nothing is signed twice.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after, before } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { launch } from "../../../testdata/portal/browsers.mjs";
import { STOPPER, SYSTEM_ACCESS } from "./background.mjs";
import { Stage, binaries, elsewhere, sdk } from "./stage.mjs";

const HOST = "portal.example";
/** Of the simulator's token. */
const PIN = "12345678";
/** Time for a signature, in which the background can be stopped. */
const SLOW = `[[rule]]\nfunction = "C_Sign"\ndo = "delay"\nmilliseconds = 3000\n`;
/** Of a document in one message, in bytes. */
const PIECE = 512 * 1024;
const PIECES = 4;

/** The reply that `swallow` names never reaches the library: what it waits for then is still under way. */
const PAGE = `<!doctype html><title>Cổng</title><script>
  const methods = new Map();
  window.replies = {};
  addEventListener("message", (event) => {
    const { trien, session, text, message } = event.data ?? {};
    if (trien === "send") {
      const { id, method } = JSON.parse(text);
      methods.set(session + id, method);
    }
    if (trien !== "message" || message.id === undefined) return;
    const method = methods.get(session + message.id);
    replies[method] = (replies[method] ?? 0) + 1;
    if (window.swallow?.method !== method || window.swallow.nth !== replies[method]) return;
    event.stopImmediatePropagation();
    window.swallow = undefined;
    window.swallowed = true;
  });
</script><script type="module">
  import { Trien } from "/sdk.js";
  window.connect = async () => (window.trien = await Trien.connect({ roads: ["extension"] })).road;
  const content = (salt) => Uint8Array.from({ length: ${PIECE * PIECES} }, (_, at) => (at * 31 + salt) & 255);
  window.share = async () => (await trien.certificates()).sha256;
  window.begin = (salt, swallow, certificate) => {
    Object.assign(window, { replies: {}, swallow, swallowed: false, stages: [], ended: 0, outcome: undefined });
    const documents = [{ name: "Hồ sơ.bin", bytes: content(salt) }];
    const onProgress = ({ stage }) => stages.at(-1) === stage || stages.push(stage);
    const end = (outcome) => Object.assign(window, { outcome, ended: window.ended + 1 });
    trien.signDocuments({ documents, format: "cades_attached", onProgress, ...(certificate && { certificate }) }).then(
      ({ documents: [{ name, bytes, error }], receipt }) => end({ name, size: bytes?.length, error: error?.code, receipt }),
      ({ code, detail }) => end({ error: code + " " + detail }),
    );
  };
</script>`;

let stage;
let folder;
before(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "trien-interrupted-"));
  stage = await Stage.open({ simulation: SLOW });
});
after(async () => {
  await stage?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function until(holds, what) {
  for (let left = 1200; left > 0; left -= 1, await pause(50)) if (await holds()) return;
  assert.fail(`no sign of ${what}`);
}

/** What is under way when the background is stopped, and what the record says was done until the page has its document. */
const PARTS = [
  { what: "an upload", swallow: { method: "upload", nth: 2 }, told: ["asked", "approved", "signed"] },
  { what: "a signature", told: ["asked", "approved", "withdrawn", "asked", "approved", "signed"] },
  // Of the new connection the daemon knows nothing that the page saw.
  { what: "a signature by a certificate that the page saw", named: true, told: ["asked", "approved", "withdrawn", "asked", "shared", "asked", "approved", "signed"] },
  { what: "a reply", swallow: { method: "sign_documents", nth: 1 }, told: ["asked", "approved", "signed"] },
  { what: "a download", swallow: { method: "download", nth: 3 }, told: ["asked", "approved", "signed"] },
];

for (const name of ["chromium", "firefox"]) {
  test(`n069 the background is stopped in the middle of an upload, a signature, a reply and a download, in ${name}`, { timeout: 300_000 }, async (context) => {
    const { url } = await stage.site({ "/": PAGE, "/sdk.js": sdk() }, { host: HOST });
    const options = { binaries, env: stage.env, ...elsewhere(name, HOST) };
    if (name === "firefox") options.args = [SYSTEM_ACCESS];
    const { browser, close } = await launch(name, options);
    context.after(close);
    const stop = await STOPPER[name](browser);
    const page = await browser.newPage();
    await page.goto(url);
    await page.waitForFunction(() => window.connect !== undefined);
    assert.equal(await page.evaluate(() => window.connect()), "extension");
    for (const [salt, { what, swallow, named, told }] of PARTS.entries()) {
      await context.test(what, async () => {
        stage.answer("approve", { pins: [PIN] });
        const certificate = named && (await page.evaluate(() => window.share()));
        const since = stage.record.length;
        const actions = () => stage.record.slice(since).map(({ record }) => record.action);
        await page.evaluate((...words) => window.begin(...words), salt, swallow, certificate);
        if (swallow) await until(() => page.evaluate(() => window.swallowed), what);
        else await until(() => actions().includes("approved"), what);
        assert.equal(await page.evaluate(() => window.ended), 0);
        await stop();
        await until(() => page.evaluate(() => window.ended > 0), "an end");
        const { error, size, receipt, name: document } = await page.evaluate(() => window.outcome);
        assert.deepEqual([error, document], [undefined, "Hồ sơ.bin"]);
        assert.ok(size > PIECE * PIECES);
        assert.deepEqual(actions(), told);
        const file = path.join(folder, `${name}-${salt}.json`);
        writeFileSync(file, JSON.stringify(receipt));
        stage.trien("audit", "verify", "--receipt", file);
        await pause(1000);
        assert.equal(await page.evaluate(() => window.ended), 1, "it ends once");
        assert.deepEqual(actions(), told, "and nothing is signed after that");
      });
    }
  });
}
