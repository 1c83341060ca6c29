// The extension's background may be stopped at any moment, and its pages are a page's. In real browsers.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { launch } from "../../../testdata/portal/browsers.mjs";
import { CHROMIUM_ID, FIREFOX_ID, STOPPER, SYSTEM_ACCESS } from "./background.mjs";
import { Stage, binaries, elsewhere, sdk } from "./stage.mjs";

const HOST = "portal.example";
const PAGE = `<!doctype html><title>Cổng</title><script type="module">
  import { Trien } from "/sdk.js";
  window.connect = async (road = "extension", port) => (window.trien = await Trien.connect({ roads: [road], port })).road;
  const code = ({ code, detail }) => [code, detail].join(" ");
  window.pick = () => window.trien.certificates().then(({ serial }) => serial, code);
  window.signIn = () => window.trien.authenticate({ nonce: btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32)))) }).then(({ format }) => format, code);
</script>`;
let stage;
before(async () => (stage = await Stage.open()));
after(() => stage?.close());

async function until(holds, what) {
  for (let left = 600; left > 0; left -= 1, await pause(50)) if (await holds()) return;
  assert.fail(`no sign of ${what}`);
}

for (const name of ["chromium", "firefox"]) {
  test(`n069 the background is stopped in the middle of a request, and the page is served all the same, in ${name}`, {
    timeout: 120_000,
  }, async (context) => {
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
    for (const what of ["pick", "signIn"]) {
      await stage.quiet();
      stage.answer("hang");
      const before = stage.record.length;
      const open = page.evaluate((what) => window[what](), what);
      // Not by the record: it has the question before the prompter has read that it is to say nothing.
      await until(() => stage.asking.length === 1, "a question");
      stage.answer("approve");
      await stop();
      // The library connects anew, by which the background is started again, and asks again under the same key.
      assert.match(await open, /^[0-9a-f]{2,}$|^web-eid:1\.0$/, what);
      const told = stage.record.slice(before).map(({ record }) => record.action);
      assert.deepEqual(told, what === "pick" ? ["asked", "withdrawn", "asked", "shared"] : ["asked", "withdrawn", "asked", "approved", "signed"]);
    }
  });
}

/** How soon the question must be gone, in milliseconds, with room for a slow machine that closes a tab. */
const SOON = 2000;

for (const name of ["chromium", "firefox"]) {
  test(`n048 the tab is closed while the person is asked: the question goes, and the record says so, in ${name}`, { timeout: 120_000 }, async (context) => {
    const { url } = await stage.site({ "/": PAGE, "/sdk.js": sdk() }, { host: HOST });
    const { browser, close } = await launch(name, { binaries, env: stage.env, ...elsewhere(name, HOST) });
    context.after(close);
    for (const road of ["extension", "websocket"]) {
      const page = await browser.newPage();
      await page.goto(url);
      await page.waitForFunction(() => window.connect !== undefined);
      await page.evaluate((...words) => window.connect(...words), road, stage.websocketPort);
      stage.answer("hang");
      const before = stage.record.length;
      page.evaluate(() => window.pick()).catch(() => "the page is gone");
      await until(() => stage.asking.length === 1, "a question");
      await page.close();
      const began = Date.now();
      await until(() => stage.asking.length === 0, "the question's end");
      assert.ok(Date.now() - began < SOON, `${Date.now() - began} ms over the ${road}`);
      await until(() => stage.record.length === before + 2, "the end on the record");
      assert.deepEqual(stage.record.slice(before).map(({ record }) => record.action), ["asked", "withdrawn"], road);
      stage.answer("approve");
    }
  });
}

/** Opens the options page, and gives what evaluates an expression in it. Firefox lets nobody but itself open the page of an extension. */
const OPTIONS = {
  chromium: async (browser) => {
    const page = await browser.newPage();
    await page.goto(`chrome-extension://${CHROMIUM_ID}/options.html`);
    return (expression) => page.evaluate(expression);
  },
  firefox: async (browser) => {
    const ask = async (method, params) => (await browser.connection.send(method, params)).result;
    const evaluate = async (context, expression) => {
      const { type, result, exceptionDetails } = await ask("script.evaluate", { expression, awaitPromise: true, target: { context } });
      assert.equal(type, "success", exceptionDetails?.text);
      return result.value;
    };
    const { contexts: [{ context: window }] } = await ask("browsingContext.getTree", { "moz:scope": "chrome" });
    await evaluate(window, `{
      const address = WebExtensionPolicy.getByID("${FIREFOX_ID}").extension.baseURI.resolve("options.html");
      const { gBrowser } = Services.wm.getMostRecentWindow("navigator:browser");
      gBrowser.selectedTab = gBrowser.addTrustedTab(address);
    }`);
    let page;
    await until(async () => {
      const { contexts } = await ask("browsingContext.getTree", {});
      return (page = contexts.find(({ url }) => url.endsWith("/options.html"))?.context) !== undefined;
    }, "the options page");
    return (expression) => evaluate(page, expression);
  },
};

for (const name of ["chromium", "firefox"]) {
  test(`the options page in ${name}: what is permitted until when, whether the program is well, and silence for Web eID`, { timeout: 120_000 }, async (context) => {
    stage.answer("approve");
    const { url } = await stage.site({ "/": PAGE, "/sdk.js": sdk() }, { host: HOST });
    const settings = { binaries, env: stage.env, ...elsewhere(name, HOST) };
    if (name === "firefox") settings.args = [SYSTEM_ACCESS];
    const { browser, close } = await launch(name, settings);
    context.after(close);
    const portal = await browser.newPage();
    await portal.goto(url);
    await portal.waitForFunction(() => window.connect !== undefined);
    await portal.evaluate(() => window.connect());
    const options = await OPTIONS[name](browser);
    const state = (what) => options(`document.getElementById("state")?.dataset.${what} ?? ""`);
    const words = () => options("document.body.innerText");
    const click = (selector) => options(`document.querySelector(${JSON.stringify(selector)}).click()`);
    const looked = async () => {
      await until(async () => await state("state") === "well", "health");
      await until(() => options(`document.querySelector('li[data-origin="${url}"]') !== null`), "the site");
    };
    await looked();
    await click('[data-language="vi"]');
    assert.match(await words(), /đang chạy[^]*xin ký tài liệu[^(]*\(không thời hạn\)/);
    await click('[data-language="en"]');
    assert.match(await words(), /is installed and running[^]*ask for signatures on documents[^(]*\(without an end\)/);

    // One of them ends, and the page says when; another is taken back.
    stage.trien("origin", "allow", url, "--add", "--scope", "sign", "--until", "2099-06-15T12:00:00Z");
    stage.trien("origin", "revoke", url, "--scope", "batch");
    await click("#again");
    await until(async () => /signatures on documents \(until 15\/06\/2099\)/.test(await words()), "the end of a permission");
    assert.doesNotMatch(await words(), /several signatures/);
    await click('[data-language="vi"]');
    assert.match(await words(), /xin ký tài liệu \(đến 15\/(0?)6\/2099\)/);
    await click('[data-language="en"]');

    const asked = () => portal.evaluate(() => new Promise((resolve) => {
      window.addEventListener("message", ({ data }) => data.action === "web-eid:status-ack" && resolve(true));
      setTimeout(() => resolve(false), 1000);
      window.postMessage({ action: "web-eid:status", libraryVersion: "2.1.0" }, "*");
    }));
    await until(asked, "an answer");
    await click("li input");
    await until(async () => !(await asked()), "silence");

    // What was chosen is chosen in the other language too.
    await click('[data-language="vi"]');
    assert.equal(await options('document.querySelector("li input").checked'), false);
    await click('[data-language="en"]');

    // However often one asks, one look is taken: each starts a process for each site, and one more.
    await options(`{
      const { connectNative } = chrome.runtime;
      globalThis.started = 0;
      chrome.runtime.connectNative = (...words) => (started += 1, connectNative.apply(chrome.runtime, words));
      for (let left = 3; left > 0; left -= 1) document.getElementById("again").click();
    }`);
    await looked();
    assert.equal(await options("started"), 1 + await options('document.querySelectorAll("li").length'));

    // The browser's store fails.
    const [get, set] = ["get", "set"].map((what) => `chrome.storage.local.${what}`);
    await options(`{
      globalThis.kept = { get: ${get}, set: ${set} };
      ${set} = async () => { throw new Error("disk"); };
      document.querySelector("li input").click();
    }`);
    await until(async () => /could not save this choice/.test(await words()), "what failed");
    assert.equal(await options('document.querySelector("li input").checked'), false, "as it is, not as it was wished");
    await options(`{ ${get} = ${set}; document.getElementById("again").click(); }`);
    await until(async () => /does not let the extension read/.test(await words()), "what failed");
    assert.equal(await state("state"), "well");
    await options(`{ ${get} = kept.get; ${set} = kept.set; document.getElementById("again").click(); }`);
    await looked();

    const wake = stage.freezeDaemon();
    try {
      await click("#again");
      await until(async () => await state("code") === "timed_out", "a program that does not answer");
    } finally {
      wake();
    }
    await stage.stopDaemon();
    let seen;
    // Who asked again without having read the answer would see only that the page looks.
    await until(async () => {
      seen = [await state("state"), await state("code")];
      if (seen[0] !== "looking" && seen[1] !== "not_running") await click("#again");
      return seen[1] === "not_running";
    }, "a program that does not run").catch((error) => assert.fail(`${error.message}, but of ${seen}`));
    assert.match(await words(), /Start Triện/);
    await stage.startDaemon();
  });
}
