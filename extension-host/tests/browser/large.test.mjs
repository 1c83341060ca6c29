// A document of 200 MiB goes from a page through either road and comes back signed, in pieces, and the daemon stays small.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test, { after, before } from "node:test";
import { launch } from "../../../testdata/portal/browsers.mjs";
import { Stage, binaries, elsewhere, sdk } from "./stage.mjs";

const HOST = "portal.example";
const SIZE = 200 * 1024 * 1024;
/** How much the daemon's memory may grow, in bytes. */
const GROWTH = 64 * 1024 * 1024;

/** Makes the document in the browser, as a Blob that lies on its disk, and signs it apart from its content. */
const PAGE = `<!doctype html><title>Cổng</title><script type="module">
  import { Trien } from "/sdk.js";
  window.sign = async (road, port, size, kind) => {
    const piece = new Uint8Array(1 << 20).map((_, index) => (index * 2654435761) >>> 24);
    const parts = Array.from({ length: size >> 20 }, () => piece);
    const blob = new Blob(parts);
    const bytes = kind === "stream" ? blob.stream() : blob;
    const trien = await Trien.connect({ roads: [road], port });
    const stages = {};
    const { documents: [{ name, blob: signed, error }] } = await trien.signDocuments({
      documents: [{ name: "lớn.bin", bytes }], format: "cades_detached", results: "blob",
      onProgress: ({ stage, done, total }) => (stages[stage] = [(stages[stage]?.[0] ?? 0) + 1, done, total]),
    });
    trien.close();
    return { name, error: error?.code, size: signed?.size, stages };
  };
</script>`;

let stage;
before(async () => (stage = await Stage.open()));
after(() => stage?.close());

/** Resident memory of the daemon, in bytes: now, and the most it ever was. */
function memory() {
  const status = readFileSync(`/proc/${stage.daemonId}/status`, "utf8");
  const of = (name) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)[1]) * 1024;
  return { now: of("VmRSS"), most: of("VmHWM") };
}

for (const [name, road, kind] of [["chromium", "extension", "stream"], ["chromium", "websocket", "blob"]]) {
  test(`200 MiB as a ${kind} over the ${road} in ${name}`, { timeout: 180_000 }, async (context) => {
    const { url } = await stage.site({ "/": PAGE, "/sdk.js": sdk() }, { host: HOST });
    const { browser, close } = await launch(name, { binaries, env: stage.env, ...elsewhere(name, HOST) });
    context.after(close);
    const page = await browser.newPage();
    page.setDefaultTimeout(170_000);
    await page.goto(url);
    await page.waitForFunction(() => window.sign !== undefined);
    const idle = memory();
    const { error, size, stages } = await page.evaluate((...words) => window.sign(...words), road, stage.websocketPort, SIZE, kind);
    assert.equal(error, undefined);
    assert.ok(size > 1000, `${size}`);
    const [pieces, done, total] = stages.uploading;
    assert.deepEqual([pieces, done, total], [SIZE / (512 * 1024), SIZE, SIZE]);
    const grown = memory().most - idle.now;
    assert.ok(grown < GROWTH, `the daemon grew by ${grown >> 20} MiB`);
  });
}
