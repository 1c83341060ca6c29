// The person leaves while he is asked, or what asked is gone: the real window on a screen goes with it. A tab is closed, the
// extension is updated, the screen is locked. In real browsers, with the real daemon; nothing is scripted.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after, before, describe } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { launch } from "../../../testdata/portal/browsers.mjs";
import { CHROMIUM_ID, SYSTEM_ACCESS } from "./background.mjs";
import { Desk } from "./desk.mjs";
import { Logins } from "./logins.mjs";
import { Stage, binaries, elsewhere, sdk } from "./stage.mjs";

const HOST = "portal.example";
const PAGE = `<!doctype html><title>Cổng</title><script type="module">
  import { Trien } from "/sdk.js";
  window.connect = async (road, port) => (window.trien = await Trien.connect({ roads: [road], port })).road;
  window.pick = () => window.trien.certificates().then(({ serial }) => serial, ({ code, detail }) => [code, detail].join(" "));
  addEventListener("message", ({ data }) => data?.trien === "pong" && (window.version = data.version));
  window.find = () => (window.version = undefined, window.postMessage({ trien: "ping" }, location.origin));
</script>`;

let desk;
let logins;
let stage;
before(async () => {
  desk = await Desk.open();
  logins = await Logins.open();
  stage = await Stage.open({ display: desk.display, environment: logins.environment });
});
after(async () => {
  await stage?.close();
  await logins?.close();
  desk?.close();
});

async function until(holds, what) {
  for (let left = 400; left > 0; left -= 1, await pause(50)) if (await holds()) return;
  assert.fail(`no sign of ${what}`);
}

for (const name of ["chromium", "firefox"]) {
  describe(name, () => {
    let started;
    let folder;
    let unpacked;
    let url;
    before(async () => {
      // A copy, whose version can grow.
      folder = mkdtempSync(path.join(tmpdir(), "trien-leaving-"));
      unpacked = path.join(folder, "extension");
      cpSync(fileURLToPath(new URL(`../../webextension/dist/${name}`, import.meta.url)), unpacked, { recursive: true });
      ({ url } = await stage.site({ "/": PAGE, "/sdk.js": sdk() }, { host: HOST }));
      const settings = elsewhere(name, HOST);
      if (name === "firefox") settings.args = [SYSTEM_ACCESS];
      started = await launch(name, { binaries, env: stage.env, extension: unpacked, ...settings });
    });
    after(async () => {
      await started?.close();
      rmSync(folder, { recursive: true, force: true });
    });

    /** A page that has asked, whose window is on the screen, and what it will be told. */
    async function asking(road = "extension") {
      const page = await started.browser.newPage();
      await page.goto(url);
      await page.waitForFunction(() => window.connect !== undefined);
      assert.equal(await page.evaluate((...words) => window.connect(...words), road, stage.websocketPort), road);
      const since = stage.record.length;
      const told = page.evaluate(() => window.pick()).catch(() => "the page is gone");
      await desk.shown();
      return { page, told, actions: () => stage.record.slice(since).map(({ record }) => record.action) };
    }

    for (const road of ["extension", "websocket"]) {
      test(`n048 the tab is closed and the window goes, over the ${road}`, { timeout: 120_000 }, async () => {
        const { page, actions } = await asking(road);
        await page.close();
        await desk.left();
        await until(() => actions().length === 2, "the end on the record");
        assert.deepEqual(actions(), ["asked", "withdrawn"]);
      });

      test(`n091 the screen is locked and the window goes, over the ${road}`, { timeout: 120_000 }, async () => {
        const { page, told, actions } = await asking(road);
        // The person has begun to type; nothing of it is there when he comes back.
        desk.type("1234");
        await logins.lockUntil(() => desk.isEmpty());
        assert.match(await told, /^cancelled/);
        assert.deepEqual(actions(), ["asked", "refused"]);
        // Nobody has said no: however often the screen is locked, the page may ask again, and when the person is back, his yes counts.
        for (const times of [2, 3]) {
          const once = page.evaluate(() => window.pick());
          await desk.shown();
          await logins.lockUntil(() => desk.isEmpty());
          assert.match(await once, /^cancelled/, `locked ${times} times`);
        }
        const again = page.evaluate(() => window.pick());
        await desk.asked();
        await desk.approve("alt+x");
        assert.match(await again, /^[0-9a-f]{2,}$/);
        await desk.left();
        await page.close();
      });
    }

    test("n069 the extension is updated in the middle of a request: the window goes, and the next page finds the new one", { timeout: 180_000 }, async () => {
      const { page, told, actions } = await asking();
      await UPDATE[name](started.browser, unpacked, "99.0");
      await desk.left();
      await until(() => actions().includes("withdrawn"), "the end on the record");
      assert.deepEqual(actions().slice(0, 2), ["asked", "withdrawn"]);
      if (name === "firefox") {
        // It gives the page the new extension's content script, through which the library asks anew.
        await desk.asked();
        await desk.approve("alt+x");
        assert.match(await told, /^[0-9a-f]{2,}$/);
        await desk.left();
        assert.deepEqual(actions(), ["asked", "withdrawn", "asked", "shared"]);
      } else {
        // The page must be loaded anew for that.
        assert.match(await told, /^closed/);
        assert.deepEqual(actions(), ["asked", "withdrawn"]);
      }
      await page.close();
      const next = await started.browser.newPage();
      await next.goto(url);
      await next.waitForFunction(() => window.connect !== undefined);
      assert.equal(await next.evaluate(() => window.connect("extension")), "extension");
      await next.evaluate(() => window.find());
      await next.waitForFunction(() => window.version !== undefined);
      assert.equal(await next.evaluate(() => window.version), "99.0");
      const serial = next.evaluate(() => window.pick());
      await desk.asked();
      await desk.approve("alt+x");
      assert.match(await serial, /^[0-9a-f]{2,}$/);
      await desk.left();
      await next.close();
    });
  });
}

/** Raises the extension's version where it lies, and has the browser take it over, as it does with an update. */
const UPDATE = {
  chromium: async (browser, unpacked, version) => {
    raise(unpacked, version);
    const page = await browser.newPage();
    await page.goto("chrome://extensions");
    await page.evaluate(async (id) => {
      // Else one that was not packed stays off once it is loaded again.
      await chrome.developerPrivate.updateProfileConfiguration({ inDeveloperMode: true });
      await chrome.developerPrivate.reload(id, { failQuietly: true });
    }, CHROMIUM_ID);
    await page.close();
  },
  firefox: async (browser, unpacked, version) => {
    raise(unpacked, version);
    await browser.installExtension(unpacked);
  },
};

function raise(unpacked, version) {
  const file = path.join(unpacked, "manifest.json");
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), version }));
}
