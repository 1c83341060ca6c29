// A dossier is signed from the portal's page after a click: both browsers, both roads, every format. The page comes by https
// from a host that the browser takes for one of the Internet.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import test, { after, before } from "node:test";
import { launch, signOnPage } from "../../../testdata/portal/browsers.mjs";
import { Stage, binaries, dossier, elsewhere, permitLoopback, sdk } from "./stage.mjs";

const HOST = "portal.example";

/** Signs three documents, and tells what the page hears on the way. */
const BATCH = `<!doctype html><title>Cổng</title><script type="module">
  import { Trien } from "/sdk.js";
  window.sign = async (road, port, certificate) => {
    const trien = await Trien.connect({ roads: [road], port });
    const stages = [];
    // In the order in which each was first heard of: that the last piece is there may be told after what follows from it.
    const onProgress = ({ stage }) => stages.includes(stage) || stages.push(stage);
    const documents = [1, 2, 3].map((fill) => ({ name: fill + ".bin", bytes: new Blob([new Uint8Array(1_500_000).fill(fill)]) }));
    try {
      const signed = await trien.signDocuments({ documents, format: "cades_detached", certificate, onProgress });
      return { stages, outcomes: signed.documents.map(({ error }) => error?.code ?? "signed") };
    } catch ({ code }) {
      return { stages, code };
    } finally {
      trien.close();
    }
  };
</script>`;

/**
 * In the page: a text is signed, one more signature put beside that, and one over it; all in Base64. Then the codes of what
 * cannot be: one more where the content is not inside, and one over two.
 */
async function furtherOnPage(browser, url, port) {
  const page = await browser.newPage();
  try {
    await page.goto(url);
    await page.waitForSelector("html[data-ready]");
    return await page.evaluate(async (port) => {
      const { Trien } = await import("/sdk.js");
      const trien = await Trien.connect({ client: "further", port });
      const one = async (name, bytes, format, more) =>
        (await trien.signDocuments({ documents: [{ name, bytes }], format, ...more })).documents[0];
      const refused = (...words) => one(...words).then(({ error }) => error?.code ?? "signed", ({ code }) => code);
      const text = async (blob) => btoa(String.fromCharCode(...new Uint8Array(await new Blob([blob]).arrayBuffer())));
      try {
        const content = new TextEncoder().encode("Quyết định số 15/QĐ-UBND\n");
        const first = (await one("qđ.txt", content, "cades_attached")).bytes;
        const beside = (await one("qđ.p7m", first, "cades_parallel")).bytes;
        const over = (await one("qđ.p7m", first, "cades_counter")).bytes;
        const alone = (await one("qđ.txt", content, "cades_detached")).bytes;
        const about = { content: { name: "qđ.txt", bytes: content } };
        const both = (await one("qđ.p7s", alone, "cades_parallel", about)).bytes;
        const codes = [
          await refused("qđ.p7s", alone, "cades_parallel"), await refused("qđ.p7m", beside, "cades_counter"),
          await refused("qđ.p7s", alone, "cades_parallel", { content: { name: "x", bytes: first } }),
          await refused("qđ.p7s", alone, "cades_counter", about),
        ];
        return { parallel: await text(beside), counter: await text(over), detached: await text(both), codes };
      } finally {
        trien.close();
      }
    }, port);
  } finally {
    await page.close();
  }
}

let stage;
before(async () => (stage = await Stage.open()));
after(() => stage?.close());

for (const name of ["chromium", "firefox"]) {
  test(`in ${name}`, async (context) => {
    const portal = await stage.portal({ host: HOST });
    const { browser, close } = await launch(name, { binaries, env: stage.env, ...elsewhere(name, HOST, { public: portal.port }) });
    try {
      await permitLoopback(name, browser, portal.url);
      for (const road of ["extension", "websocket"]) {
        await context.test(`PAdES over the ${road}`, async () => {
          // The person is told that it came so, and from a browser.
          stage.answer("approve", { road: road === "websocket" ? "web_socket" : road });
          const shown = await signOnPage(browser, portal.url, { road, click: true });
          assert.deepEqual([shown.state, shown.road, shown.code], ["done", road, undefined], shown.words);
          const [original, signed] = [readFileSync(dossier), readFileSync(shown.files[0])];
          assert.ok(signed.length > original.length && signed.subarray(0, original.length).equals(original));
          assert.match(shown.words, /Nguyễn Văn An/);
        });
      }
      stage.answer("approve");
      for (const format of ["cades_attached", "cades_detached"]) {
        await context.test(format, async () => {
          const shown = await signOnPage(browser, portal.url, { road: "automatic", format, click: true });
          assert.deepEqual([shown.state, shown.road], ["done", "extension"], shown.words);
        });
      }
      await context.test("cades_parallel and cades_counter", async () => {
        const made = await furtherOnPage(browser, portal.url, stage.websocketPort);
        assert.deepEqual(made.codes, Array(4).fill("bad_request"));
        for (const [kind, formats] of [["parallel", ["cades", "cades"]], ["counter", ["cades", "counter_signature"]]]) {
          const file = path.join(stage.home, `${kind}.p7m`);
          writeFileSync(file, Buffer.from(made[kind], "base64"));
          const [report] = JSON.parse(stage.trien("verify", "--json", "--trust", stage.trust, file));
          assert.ok(report.valid, kind);
          assert.deepEqual(report.signatures.map(({ format }) => format), formats);
          const root = path.join(stage.trust, "root.pem");
          const words = ["cms", "-verify", "-cades", "-binary", "-inform", "DER", "-purpose", "any", "-in", file, "-CAfile", root];
          const stdio = ["ignore", "pipe", "ignore"];
          assert.equal(execFileSync("openssl", words, { encoding: "utf8", stdio }), "Quyết định số 15/QĐ-UBND\n");
        }
        const [alone, content] = ["qđ.p7s", "qđ.txt"].map((name) => path.join(stage.home, name));
        writeFileSync(alone, Buffer.from(made.detached, "base64"));
        writeFileSync(content, "Quyết định số 15/QĐ-UBND\n");
        const [report] = JSON.parse(stage.trien("verify", "--json", "--trust", stage.trust, "--content", content, alone));
        assert.deepEqual([report.valid, report.signatures.length], [true, 2]);
      });
    } finally {
      await close();
    }
  });
}

for (const name of ["chromium", "firefox"]) {
  test(`a refusal is there before a byte of the documents is sent, in ${name}`, async (context) => {
    const { url } = await stage.site({ "/": BATCH, "/sdk.js": sdk() }, { host: HOST, allowed: false });
    stage.trien("origin", "allow", url, "--scope", "sign", "--scope", "batch");
    stage.answer("approve");
    const { browser, close } = await launch(name, { binaries, env: stage.env, ...elsewhere(name, HOST) });
    context.after(close);
    const page = await browser.newPage();
    await page.goto(url);
    await page.waitForFunction(() => window.sign !== undefined);
    for (const road of ["extension", "websocket"]) {
      const sign = (certificate) => page.evaluate((...words) => window.sign(...words), road, stage.websocketPort, certificate);
      assert.deepEqual(await sign("00".repeat(32)), { stages: [], code: "certificate_not_found" }, road);
      const signed = await sign();
      assert.deepEqual(signed.outcomes, ["signed", "signed", "signed"], road);
      assert.deepEqual(signed.stages, ["uploading", "asking", "signing", "downloading"], road);
    }
  });
}
