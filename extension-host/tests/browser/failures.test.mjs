// Each way in which there is no connection has a name of its own, in real browsers.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { launch, signOnPage } from "../../../testdata/portal/browsers.mjs";
import { Stage, binaries, elsewhere, permitLoopback, sdk } from "./stage.mjs";

const SECURE_HOST = "portal.example";

let stage;
before(async () => (stage = await Stage.open({ daemon: false })));
after(() => stage?.close());

/** A browser that takes the portal's page for one of the Internet, and lets it reach programs on this computer. */
async function visitor(name, portal, what = {}) {
  const started = await launch(name, { binaries, env: stage.env, ...elsewhere(name, SECURE_HOST, { public: portal.port }), ...what });
  await permitLoopback(name, started.browser, portal.url);
  return started;
}

/** What the page shows after it tried this road: `done`, or the error's code. */
async function outcome(browser, url, road, { click } = {}) {
  const shown = await signOnPage(browser, url, { road, click });
  if (shown.state === "failed") assert.ok(shown.words.length > 40, "the person reads what happened and what to do");
  return shown.state === "done" ? "done" : shown.code;
}

/** What a portal's own test of its page sees of the mock, which it plays in a browser without Triện. */
async function withMock(browser) {
  const { url } = await stage.site({ "/": "<!doctype html><title>Cổng</title>", "/sdk.js": sdk(), "/mock.js": sdk("mock") }, { host: SECURE_HOST, allowed: false });
  const page = await browser.newPage();
  await page.goto(url);
  return page.evaluate(async () => {
    const [{ Trien }, { playTrien }] = await Promise.all(["/sdk.js", "/mock.js"].map((file) => import(file)));
    const mock = playTrien({ decide: ({ method }) => (method === "sign_documents" ? "approve" : "cancelled") });
    const trien = await Trien.connect();
    const { documents: [{ bytes }] } = await trien.signDocuments({ documents: [{ name: "a.txt", bytes: new Blob(["a"]) }], format: "cades_attached" });
    const marked = /worth nothing/.test(new TextDecoder().decode(bytes));
    const cancelled = await trien.authenticate({ nonce: btoa("0123456789".repeat(4)) }).catch(({ code }) => code);
    trien.close();
    mock.close();
    return { road: trien.road, marked, cancelled, heard: mock.heard.map(({ method }) => method) };
  });
}

/** Each road after a click: without one the extension has no word for a page that the daemon has never spoken to here. */
async function outcomes(browser, url) {
  const found = {};
  for (const road of ["extension", "websocket", "automatic"]) found[road] = await outcome(browser, url, road, { click: true });
  return found;
}

for (const name of ["chromium", "firefox"]) {
  test(`${name} without anything; the mock plays for a portal's own tests`, async () => {
    const portal = await stage.portal({ host: SECURE_HOST });
    const { browser, close } = await visitor(name, portal, { extension: false, host: false });
    try {
      const nothing = { extension: "not_installed", websocket: "not_installed", automatic: "not_installed" };
      assert.deepEqual(await outcomes(browser, portal.url), nothing);
      assert.deepEqual(await withMock(browser), {
        road: "extension", marked: true, cancelled: "cancelled", heard: ["hello", "sign_documents", "upload", "download", "authenticate"],
      });
    } finally {
      await close();
    }
  });

  test(`${name} with the extension but no host`, async () => {
    const portal = await stage.portal({ host: SECURE_HOST });
    const { browser, close } = await visitor(name, portal, { host: false });
    try {
      const shown = await signOnPage(browser, portal.url, { road: "extension", click: true });
      assert.deepEqual([shown.code, shown.detail], ["not_installed", "extension: host_missing"]);
    } finally {
      await close();
    }
  });

  test(`${name} with a host whose daemon comes and goes`, async () => {
    const portal = await stage.portal({ host: SECURE_HOST });
    const { browser, close } = await visitor(name, portal);
    try {
      const stopped = { extension: "not_running", websocket: "not_installed", automatic: "not_running" };
      assert.deepEqual(await outcomes(browser, portal.url), stopped);
      await stage.startDaemon();
      assert.equal(await outcome(browser, portal.url, "extension"), "done", "the next try finds it, without a click");
      await stage.stopDaemon();
      assert.equal(await outcome(browser, portal.url, "extension"), "not_running");
    } finally {
      await close();
    }
  });

  test(`${name} at a site without permission`, async () => {
    const portal = await stage.portal({ host: SECURE_HOST, allowed: false });
    await stage.startDaemon();
    const { browser, close } = await visitor(name, portal);
    try {
      // A click may have the person asked about the site; here there is nobody. Without one: stranger.test.mjs.
      assert.equal(await outcome(browser, portal.url, "extension", { click: true }), "nobody_to_ask");
      assert.equal(await outcome(browser, portal.url, "websocket", { click: true }), "not_installed", "a stranger learns nothing");
      stage.allow(portal.url);
      assert.equal(await outcome(browser, portal.url, "extension"), "done");
      stage.trien("origin", "revoke", portal.url);
      assert.equal(await outcome(browser, portal.url, "extension", { click: true }), "nobody_to_ask");
    } finally {
      await close();
      await stage.stopDaemon();
    }
  });

  test(`${name} under a policy that does not name the socket`, async () => {
    const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'";
    const portal = await stage.portal({ host: SECURE_HOST, headers: { "Content-Security-Policy": policy } });
    await stage.startDaemon();
    const { browser, close } = await visitor(name, portal);
    try {
      assert.deepEqual(await outcomes(browser, portal.url), {
        extension: "done", websocket: "blocked_by_browser", automatic: "done",
      });
    } finally {
      await close();
      await stage.stopDaemon();
    }
  });
}

test("Local Network Access in chromium", async () => {
  const portal = await stage.portal({ host: SECURE_HOST });
  await stage.startDaemon();
  const settings = elsewhere("chromium", SECURE_HOST, { public: portal.port });
  const { browser, close } = await launch("chromium", { binaries, env: stage.env, ...settings });
  try {
    assert.equal(await outcome(browser, portal.url, "websocket"), "blocked_by_browser", "nobody has answered");
    assert.equal(await outcome(browser, portal.url, "automatic"), "done", "the extension needs no such permission");
    const session = await browser.target().createCDPSession();
    const permit = (setting) => session.send("Browser.setPermission", {
      origin: portal.url, permission: { name: "loopback-network" }, setting,
    });
    await permit("granted");
    assert.equal(await outcome(browser, portal.url, "websocket"), "done");
    await permit("denied");
    assert.equal(await outcome(browser, portal.url, "websocket"), "blocked_by_browser");
    await stage.stopDaemon();
    await permit("granted");
    assert.equal(await outcome(browser, portal.url, "websocket"), "not_installed", "nobody listens");
  } finally {
    await close();
    await stage.stopDaemon();
  }
});
