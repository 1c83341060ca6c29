// A page's sessions with the extension, in real browsers, with the real daemon: as many as it may have, and what becomes of them
// when the person leaves the page and comes back to it, which the browser may have kept as it was (the back/forward cache).
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { launch } from "../../../testdata/portal/browsers.mjs";
import { Stage, binaries, elsewhere, permitLoopback, sdk } from "./stage.mjs";

const HOST = "portal.example";
const KEY = "ho-so-2026-000000001";
const PAGE = `<!doctype html><title>Cổng</title><a href="/other">Hướng dẫn</a><script type="module">
  import { Trien } from "/sdk.js";
  window.ends = [];
  window.persisted = false;
  addEventListener("pageshow", (event) => (window.persisted = event.persisted));
  window.open = (roads, port) => Trien.connect({ roads, port }).then(
    (trien) => (window.trien = trien).road, ({ code, text, detail }) => [code, text.en, detail].join("|"));
  window.sign = (idempotencyKey) => {
    const documents = [{ name: "Đơn.txt", bytes: new TextEncoder().encode("Đơn") }];
    trien.signDocuments({ documents, format: "cades_attached", idempotencyKey }).then(
      ({ documents: [{ error }] }) => ends.push(error?.code ?? "signed"), ({ code }) => ends.push(code));
  };
</script>`;

let stage;
before(async () => (stage = await Stage.open()));
after(() => stage?.close());

async function until(holds, what) {
  for (const start = Date.now(); Date.now() - start < 40_000; await pause(50)) if (await holds()) return;
  assert.fail(`no sign of ${what}`);
}

/** A page of a site that may sign, in a browser of its own. */
async function visit(name, context) {
  const { url, port } = await stage.site({ "/": PAGE, "/sdk.js": sdk(), "/other": "<!doctype html><title>Hướng dẫn</title>" }, { host: HOST });
  const { browser, close } = await launch(name, { binaries, env: stage.env, ...elsewhere(name, HOST, { public: port }) });
  context.after(close);
  await permitLoopback(name, browser, url);
  const page = await browser.newPage();
  await page.goto(url);
  await page.waitForFunction(() => window.open !== undefined && window.ends !== undefined);
  return page;
}

for (const name of ["chromium", "firefox"]) {
  test(`the fifth session of a page is told why there is none, and another road is taken, in ${name}`, { timeout: 180_000 }, async (context) => {
    const page = await visit(name, context);
    const open = (...roads) => page.evaluate((...words) => window.open(...words), roads, stage.websocketPort);
    for (let left = 4; left > 0; left -= 1) assert.equal(await open("extension"), "extension");
    assert.equal(await open("extension"), "busy|This page has too many connections to Triện open.|extension: too_many_sessions");
    assert.equal(await open("extension", "websocket"), "websocket");
  });

  for (const road of ["extension", "websocket"]) {
    test(`the person leaves the page while he is asked and comes back: one signature, over the ${road} in ${name}`, { timeout: 180_000 }, async (context) => {
      const page = await visit(name, context);
      const open = () => page.evaluate((...words) => window.open(...words), [road], stage.websocketPort);
      const sign = () => page.evaluate((key) => window.sign(key), KEY);
      const ends = () => page.evaluate(() => window.ends.join());
      const since = stage.record.length;
      const actions = () => stage.record.slice(since).map(({ record }) => record.action).join();
      const shows = (title) => until(() => page.evaluate((title) => document.title === title && document.readyState === "complete", title).catch(() => false), title);
      const leave = async () => {
        await page.evaluate(() => setTimeout(() => document.querySelector("a").click()));
        await shows("Hướng dẫn");
      };
      /** Back on the page; the browser may have loaded it anew, and then it has to begin as a page does. True if it was kept. */
      const comeBack = async (begin) => {
        // Of a page that was kept there is no event of a load that could be waited for.
        await page.evaluate(() => setTimeout(() => history.back()));
        await shows("Cổng");
        const kept = await page.evaluate(() => window.trien !== undefined);
        if (kept) return true;
        assert.equal(await open(), road);
        await begin();
        return false;
      };

      assert.equal(await open(), road);
      stage.answer("hang");
      await sign();
      await until(() => stage.asking.length === 1, "a question");
      await leave();
      await until(() => stage.asking.length === 0, "the question's end");
      await until(() => actions() === "asked,withdrawn", "the end on the record");
      stage.answer("approve");
      // A page that was kept goes on where it was: its call asks again under its key.
      const kept = await comeBack(sign);
      await until(async () => await ends() === "signed", "a signature");
      const done = "asked,withdrawn,asked,approved,signed";
      assert.equal(actions(), done);
      // From now on the same key gets the same reply, on this connection, on the next, and on one that nothing was asked on.
      await sign();
      await until(async () => await ends() === "signed,signed", "the reply once more");
      await leave();
      const before = (await comeBack(async () => {})) ? "signed,signed," : "";
      await sign();
      await until(async () => await ends() === `${before}signed`, "the reply after another absence");
      assert.equal(actions(), done);
      context.diagnostic(`kept: ${kept}`);
    });
  }
}
