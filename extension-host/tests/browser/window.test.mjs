// Nothing is scripted here: a page of the Internet in a real browser, the real daemon, and its window on a screen, answered by keys.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test, { after, before, describe } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { launch, signOnPage } from "../../../testdata/portal/browsers.mjs";
import { Desk } from "./desk.mjs";
import { Stage, binaries, dossier, elsewhere, permitLoopback } from "./stage.mjs";

const WRONG_PIN = "13572468";

const HOST = "portal.example";
const STRANGE = "new.example";
const OTHER = "office.example";

let desk;
let stage;
let portal;
before(async () => {
  desk = await Desk.open();
  stage = await Stage.open({ display: desk.display });
  portal = await stage.portal({ host: HOST });
});
after(async () => {
  await stage?.close();
  desk?.close();
});

for (const name of ["chromium", "firefox"]) {
  describe(name, () => {
    let started;
    before(async () => {
      const settings = elsewhere(name, [HOST, OTHER, STRANGE], { public: portal.port });
      started = await launch(name, { binaries, env: stage.env, ...settings });
      await permitLoopback(name, started.browser, portal.url);
    });
    after(() => started?.close());

    /** Starts to sign on the page, by a click, and answers the window meanwhile. */
    async function signAnswering(road, answer, { url } = portal) {
      const [shown] = await Promise.all([
        signOnPage(started.browser, url, { road, click: true }),
        desk.asked().then(answer),
      ]);
      await desk.left();
      return shown;
    }

    for (const road of ["extension", "websocket"]) {
      test(`the right PIN signs, over the ${road}`, async () => {
        const shown = await signAnswering(road, async () => {
          desk.type(stage.pin);
          await desk.approve();
        });
        assert.deepEqual([shown.state, shown.road, shown.code], ["done", road, undefined], shown.words);
        assertSigned(shown.files[0]);
      });
    }

    test("a wrong PIN, then the right one", async () => {
      const shown = await signAnswering("extension", async () => {
        desk.type(WRONG_PIN);
        await desk.complained();
        desk.type(stage.pin);
        await desk.approve();
      });
      assert.deepEqual([shown.state, shown.code], ["done", undefined], shown.words);
      assertSigned(shown.files[0]);
    });

    test("Escape refuses, and nothing is signed", async () => {
      const shown = await signAnswering("extension", () => {
        desk.type(stage.pin);
        desk.key("Escape");
      });
      assert.deepEqual([shown.state, shown.code, shown.files], ["failed", "cancelled", []], shown.words);
    });

    for (const road of ["extension", "websocket"]) {
      test(`the portal's *cancel* takes the window away, over the ${road}`, async () => {
        const page = await started.browser.newPage();
        try {
          await page.goto(`${portal.url}?road=${road}`);
          await page.waitForSelector("html[data-ready]");
          await page.click("#sign");
          await desk.shown();
          await page.click("#cancel");
          await desk.left();
          const end = await page.waitForSelector('#result[data-state="failed"]');
          assert.equal(await end.evaluate((node) => node.dataset.code), "cancelled");
        } finally {
          await page.close();
        }
      });
    }

    test("two sites ask at once: one window, and the other's with its own name when that one was answered", async (context) => {
      const sites = [portal, await stage.portal({ host: OTHER })];
      const pages = [];
      context.after(() => Promise.all(pages.map((page) => page.close())));
      const since = stage.record.length;
      for (const { url } of sites) {
        const page = await started.browser.newPage();
        pages.push(page);
        await page.goto(`${url}?road=extension`);
        await page.waitForSelector("html[data-ready]");
        await page.click("#sign");
        if (pages.length === 1) await desk.asked();
      }
      // Long enough for a window that should not come.
      await pause(3_000);
      assertOneWindow(sites[0]);
      desk.type(stage.pin);
      await desk.approve();
      await ended(pages[0], undefined);
      await until(() => desk.titles().some((title) => title.includes(sites[1].url)), "the other's window");
      await desk.asked();
      assertOneWindow(sites[1]);
      desk.key("Escape");
      await ended(pages[1], "cancelled");
      await desk.left();
      const entries = stage.record.slice(since).map(({ record }) => [record.action, record.origin]);
      const [first, second] = sites.map(({ url }) => url);
      assert.deepEqual(entries, [
        ["asked", first], ["approved", first], ["signed", first], ["asked", second], ["refused", second],
      ]);
    });

    test("a portal that is new here: one question in the window, and then it signs", async () => {
      // Only a click brings the question.
      const strange = await stage.portal({ allowed: false, host: STRANGE });
      const refused = await signAnswering("extension", () => desk.key("Escape"), strange);
      assert.deepEqual([refused.state, refused.code, refused.files], ["failed", "not_allowed", []], refused.words);
      const shown = await signAnswering("extension", async () => {
        await desk.approve("alt+p");
        await desk.asked();
        desk.type(stage.pin);
        await desk.approve();
      }, strange);
      assert.deepEqual([shown.state, shown.code], ["done", undefined], shown.words);
      assertSigned(shown.files[0]);
      assert.match(stage.trien("origin", "list"), new RegExp(strange.url));
    });
  });
}

// The window has a clock of its own, and says no when its time is up: the daemon's has to be first.
for (const name of ["chromium", "firefox"]) {
  test(`n047 nobody answers: that is no refusal, and the page may ask again, in ${name}`, async (context) => {
    const brief = await Stage.open({ display: desk.display, seconds: 3 });
    context.after(() => brief.close());
    const { url } = await brief.portal({ host: HOST });
    const { browser, close } = await launch(name, { binaries, env: brief.env, ...elsewhere(name, HOST) });
    context.after(close);
    const since = brief.record.length;
    for (let time = 1; time <= 3; time += 1) {
      const shown = await signOnPage(browser, url, { road: "extension", click: true });
      assert.deepEqual([shown.state, shown.code, shown.files], ["failed", "timed_out", []], `${time}: ${shown.words}`);
      await desk.left();
    }
    const actions = brief.record.slice(since).map(({ record }) => record.action);
    assert.deepEqual(actions, ["asked", "failed", "asked", "failed", "asked", "failed"]);
  });
}

async function until(holds, what) {
  for (let left = 400; left > 0; left -= 1, await pause(50)) if (holds()) return;
  assert.fail(`no sign of ${what}`);
}

/** One window is there, and it names this site. */
function assertOneWindow({ url }) {
  const titles = desk.titles();
  assert.equal(titles.length, 1, titles.join("\n"));
  assert.ok(titles[0].includes(url), titles[0]);
}

/** The page tells how its request ended. */
async function ended(page, code) {
  const end = await page.waitForSelector('#result[data-state="done"], #result[data-state="failed"]', { timeout: 60_000 });
  assert.equal(await end.evaluate((node) => node.dataset.code), code);
}

function assertSigned(file) {
  const [original, signed] = [readFileSync(dossier), readFileSync(file)];
  assert.ok(signed.length > original.length && signed.subarray(0, original.length).equals(original));
  // Fails unless every signature is valid and trusted.
  stage.trien("verify", "--trust", stage.trust, file);
}
