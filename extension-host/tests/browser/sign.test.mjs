// A dossier is signed from the portal's page after a click: both browsers, both roads, every format. The page comes by https
// from a host that the browser takes for one of the Internet.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test, { after, before } from "node:test";
import { launch, signOnPage } from "../../../testdata/portal/browsers.mjs";
import { Stage, binaries, dossier, elsewhere, permitLoopback } from "./stage.mjs";

const HOST = "portal.example";

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
    } finally {
      await close();
    }
  });
}
