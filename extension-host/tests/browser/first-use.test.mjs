// The first use of a portal in real browsers: a person who clicks is asked once, in our own window; a page alone gets no
// window. What a page was told it tells its own server: looking into a page would count as the person's doing there.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { launch } from "../../../testdata/portal/browsers.mjs";
import { Stage, binaries, elsewhere, sdk } from "./stage.mjs";

/** With `?alone` it connects by itself; else when the person clicks, wherever that is. */
const PAGE = `<!doctype html><title>Cổng</title><style>body { height: 100vh; margin: 0 }</style><body><script type="module">
  import { Trien } from "/sdk.js";
  const use = async () => {
    let asked = false;
    const told = async () => {
      const trien = await Trien.connect({ roads: ["extension"], onAsking: () => (asked = true) });
      const { serial } = await trien.certificates();
      trien.close();
      return "served " + (serial.length > 0);
    };
    const outcome = await told().catch(({ code, detail }) => (code === "closed" ? code + ": " + detail : code));
    await fetch("/told?" + new URLSearchParams({ outcome, asked }), { method: "POST" });
  };
  if (location.search === "?alone") use();
  addEventListener("click", use);
  addEventListener("message", ({ data }) => data?.trien === "pong" && fetch("/pong?" + new URLSearchParams({ version: data.version }), { method: "POST" }));
  fetch("/ready", { method: "POST" });
</script></body>`;

let stage;
before(async () => (stage = await Stage.open()));
after(() => stage?.close());

/** What the record says was done, beside the daemon's own start. */
const actions = () => stage.record.map(({ record }) => record.action).filter((action) => action !== "daemon_started");

/** A site that nobody has decided about, and what its page tells its server. */
async function strange(host) {
  const waiting = { "/told": [], "/ready": [] };
  const heard = (path) => (request, response) => {
    const { searchParams } = new URL(request.url, "http://site");
    waiting[path].shift()?.(Object.fromEntries(searchParams));
    response.end();
  };
  const versions = [];
  const pong = (request, response) => {
    versions.push(new URL(request.url, "http://site").searchParams.get("version"));
    response.end();
  };
  const pages = { "/": PAGE, "/sdk.js": sdk(), "/told": heard("/told"), "/ready": heard("/ready"), "/pong": pong };
  const { url } = await stage.site(pages, { host, allowed: false });
  const next = (path) => new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`nothing on ${path}`)), 30_000);
    waiting[path].push((told) => (clearTimeout(timer), resolve(told)));
  });
  return { url, next, versions };
}

/** Opens the page, has it connect by itself or by a real click, and gives what it was told. */
async function visit(browser, site, { alone = false } = {}) {
  const page = await browser.newPage();
  try {
    const [told, ready] = [site.next("/told"), site.next("/ready")];
    await page.goto(alone ? `${site.url}/?alone` : site.url);
    await ready;
    if (!alone) await page.mouse.click(100, 100);
    return await told;
  } finally {
    await page.close();
  }
}

for (const name of ["chromium", "firefox"]) {
  test(`a click on an unknown site in ${name}: one question, and then it works`, { timeout: 180_000 }, async (context) => {
    const host = `new-${name}.example`;
    const site = await strange(host);
    const { browser, close } = await launch(name, { binaries, env: stage.env, ...elsewhere(name, host) });
    context.after(close);
    const before = actions().length;
    assert.deepEqual(await visit(browser, site, { alone: true }), { outcome: "not_installed", asked: "false" }, "no click, no question, no answer");
    assert.equal(actions().length, before);
    stage.answer("approve");
    assert.deepEqual(await visit(browser, site), { outcome: "nobody_to_ask", asked: "true" }, "nobody is there");
    assert.deepEqual([...new Set(site.versions)], [""], "that somebody is here, and nothing of him");
    stage.answer("approve", { introduce: true });
    assert.deepEqual(await visit(browser, site), { outcome: "served true", asked: "true" });
    stage.answer("approve");
    assert.deepEqual(await visit(browser, site), { outcome: "served true", asked: "false" }, "it is known now");
    assert.deepEqual(await visit(browser, site, { alone: true }), { outcome: "served true", asked: "false" });
    assert.match(site.versions.at(-1), /^\d/, "a site that has a permission may know");
    assert.equal(actions().slice(before).filter((action) => action === "granted").length, 1);
    stage.trien("origin", "revoke", site.url);
    assert.deepEqual(await visit(browser, site, { alone: true }), { outcome: "not_allowed", asked: "false" }, "it is told once");
    assert.deepEqual(await visit(browser, site, { alone: true }), { outcome: "not_installed", asked: "false" }, "and is a stranger again");
  });

  test(`a person who says no twice is left alone, in ${name}`, { timeout: 180_000 }, async (context) => {
    const host = `refused-${name}.example`;
    const site = await strange(host);
    const { browser, close } = await launch(name, { binaries, env: stage.env, ...elsewhere(name, host) });
    context.after(close);
    stage.answer("refuse", { introduce: true });
    const before = actions().length;
    assert.deepEqual(await visit(browser, site), { outcome: "not_allowed", asked: "true" });
    assert.deepEqual(await visit(browser, site), { outcome: "not_allowed", asked: "true" });
    const asked = actions().slice(before);
    assert.deepEqual(asked, ["asked", "refused", "asked", "refused"]);
    assert.equal((await visit(browser, site)).outcome, "user_muted");
    assert.equal((await visit(browser, site)).outcome, "user_muted");
    assert.deepEqual(actions().slice(before), asked, "no further question");
    stage.answer("approve");
  });

  test(`a permission that is taken back while a page waits: the page is told, and the person asked nothing until he asks for something, in ${name}`, { timeout: 180_000 }, async (context) => {
    const host = `revoked-${name}.example`;
    const site = await strange(host);
    const { browser, close } = await launch(name, { binaries, env: stage.env, ...elsewhere(name, host) });
    context.after(close);
    const page = await browser.newPage();
    const ready = site.next("/ready");
    await page.goto(site.url);
    await ready;
    const takings = {
      "while it is connected": () => stage.trien("origin", "revoke", site.url),
      // The library comes back by itself, and the person has just done something in the page.
      "while the daemon is away": async () => {
        await stage.stopDaemon();
        stage.trien("origin", "revoke", site.url);
        await page.keyboard.press("a");
        await stage.startDaemon();
      },
    };
    for (const [when, take] of Object.entries(takings)) {
      stage.allow(site.url);
      await stage.quiet();
      stage.answer("hang", { introduce: true });
      const before = actions().length;
      const told = site.next("/told");
      await page.mouse.click(100, 100);
      for (let left = 300; stage.asking.length === 0; left -= 1, await pause(50)) assert.ok(left > 0, "a question");
      await page.keyboard.press("a");
      await take();
      assert.deepEqual(await told, { outcome: "not_allowed", asked: "false" }, when);
      await pause(2000);
      assert.deepEqual([stage.asking, actions().slice(before)], [[], ["asked", "withdrawn"]], when);
      stage.answer("approve", { introduce: true });
      const anew = site.next("/told");
      await page.mouse.click(100, 100);
      assert.deepEqual(await anew, { outcome: "served true", asked: "true" }, `${when}: now he has`);
    }
    stage.answer("approve");
  });
}
