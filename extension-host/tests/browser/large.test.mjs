// A PDF of 200 MiB goes from a page through either road and comes back signed, in pieces; the daemon stays small, and what
// came back is what was sent with a valid signature behind it.
import assert from "node:assert/strict";
import { createReadStream, createWriteStream, mkdtempSync, openSync, closeSync, readFileSync, readSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import test, { after, before } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { launch } from "../../../testdata/portal/browsers.mjs";
import { writeLargePdf } from "./large-pdf.mjs";
import { Stage, binaries, elsewhere, sdk } from "./stage.mjs";

const HOST = "portal.example";
const SIZE = 200 * 1024 * 1024;
/** Of a document in one message, in bytes. */
const PIECE = 512 * 1024;
/** How much the daemon's memory may grow, in bytes. */
const GROWTH = 64 * 1024 * 1024;

/** Gets the document from its server, as a Blob that lies on the browser's disk, and gives it back signed. */
const PAGE = `<!doctype html><title>Cổng</title><script type="module">
  import { Trien } from "/sdk.js";
  const sign = async (road, port, kind) => {
    const blob = await (await fetch("/document")).blob();
    const bytes = kind === "stream" ? blob.stream() : blob;
    const trien = await Trien.connect({ roads: [road], port });
    const stages = {};
    const { documents: [{ name, blob: signed, error }] } = await trien.signDocuments({
      documents: [{ name: "Hồ sơ lớn.pdf", bytes }], format: "pades", results: "blob",
      onProgress: ({ stage, done, total }) => (stages[stage] = [(stages[stage]?.[0] ?? 0) + 1, done, total]),
    });
    trien.close();
    if (signed) await fetch("/signed", { method: "POST", body: signed });
    return { name, error: error?.code, size: signed?.size, stages };
  };
  // Looked at from time to time: who drives a browser does not wait for ever for one answer.
  window.begin = (...words) => void sign(...words).then((outcome) => (window.outcome = outcome), ({ code, detail }) => (window.outcome = { error: code + " " + detail }));
</script>`;

let folder;
let original;
before(() => {
  folder = mkdtempSync(path.join(tmpdir(), "trien-large-"));
  original = path.join(folder, "large.pdf");
  writeLargePdf(original, SIZE);
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Resident memory of the daemon, in bytes: now, and the most it ever was. */
function memory(stage) {
  const status = readFileSync(`/proc/${stage.daemonId}/status`, "utf8");
  const of = (name) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)[1]) * 1024;
  return { now: of("VmRSS"), most: of("VmHWM") };
}

/** Whether `file` begins with all of the original. */
function beginsWithOriginal(file) {
  const [one, other] = [original, file].map((name) => openSync(name, "r"));
  const [ours, theirs] = [Buffer.alloc(1 << 20), Buffer.alloc(1 << 20)];
  try {
    for (let at = 0; at < SIZE; at += ours.length) {
      readSync(one, ours, 0, ours.length, at);
      readSync(other, theirs, 0, theirs.length, at);
      if (!ours.equals(theirs)) return false;
    }
    return true;
  } finally {
    for (const opened of [one, other]) closeSync(opened);
  }
}

for (const [name, road, kind] of [
  ["chromium", "extension", "stream"], ["chromium", "websocket", "blob"], ["firefox", "extension", "blob"], ["firefox", "websocket", "stream"],
]) {
  test(`a PDF of 200 MiB as a ${kind} over the ${road} in ${name}, signed and verified`, { timeout: 480_000 }, async (context) => {
    // A daemon of its own: it was never larger, and holds nothing of the test before.
    const stage = await Stage.open();
    context.after(() => stage.close());
    const signed = path.join(folder, `${name}-${road}.pdf`);
    context.after(() => rmSync(signed, { force: true }));
    const { url } = await stage.site({
      "/": PAGE, "/sdk.js": sdk(),
      "/document": (_, response) => pipeline(createReadStream(original), response),
      "/signed": (request, response) => pipeline(request, createWriteStream(signed)).then(() => response.end()),
    }, { host: HOST });
    const { browser, close } = await launch(name, { binaries, env: stage.env, ...elsewhere(name, HOST) });
    context.after(close);
    const page = await browser.newPage();
    await page.goto(url);
    await page.waitForFunction(() => window.begin !== undefined);
    const idle = memory(stage);
    await page.evaluate((...words) => window.begin(...words), road, stage.websocketPort, kind);
    let outcome;
    while ((outcome = await page.evaluate(() => window.outcome)) === undefined) await pause(500);
    const { error, size, stages } = outcome;
    const grown = memory(stage).most - idle.now;
    assert.equal(error, undefined);
    assert.deepEqual(stages.uploading, [SIZE / PIECE, SIZE, SIZE]);
    assert.deepEqual(stages.downloading, [Math.ceil(size / PIECE), size, size], "all of it came back in pieces");
    assert.ok(grown < GROWTH, `the daemon grew by ${grown >> 20} MiB`);
    assert.ok(size > SIZE && statSync(signed).size === size && beginsWithOriginal(signed));
    // Fails unless every signature is valid and trusted.
    const report = JSON.parse(stage.trien("verify", "--trust", stage.trust, "--json", signed));
    assert.match(JSON.stringify(report), /Nguyễn Văn An/);
    context.diagnostic(`the daemon grew by ${grown >> 20} MiB`);
  });
}
