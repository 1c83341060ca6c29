// What the administrator says of sites, as their pages see it in real browsers over either road: no person widens it.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { launch } from "../../../testdata/portal/browsers.mjs";
import { Stage, binaries, elsewhere, permitLoopback, sdk } from "./stage.mjs";

const PAGE = `<!doctype html><title>Cổng</title><script type="module">
  import { Trien } from "/sdk.js";
  const codeOf = (error) => error.code ?? String(error);
  window.connect = async (road, port) => (window.trien = await Trien.connect({ roads: [road], port })).scopes;
  /** Asks for a certificate; what became of that is \`told\`'s. */
  window.begin = () => (window.told = trien.certificates().then(() => "done", codeOf), undefined);
  /** What the site may ask for, or why it may not ask. */
  window.scopes = (road, port) => Trien.connect({ roads: [road], port, timeoutMs: 8000 }).then(
    (trien) => (trien.close(), [...trien.scopes].sort().join(" ")), codeOf);
</script>`;
const ALL = ["certificates", "sign_in", "sign", "batch", "verify", "blind_digest"];
const NAMES = ["fixed", "given", "forbidden", "free"];
const HOSTS = NAMES.map((name) => `${name}.example`);

let stage, policy;
/** The address of each site. */
const at = {};
before(async () => {
  stage = await Stage.open({ daemon: false });
  for (const [index, name] of NAMES.entries()) {
    at[name] = (await stage.site({ "/": PAGE, "/sdk.js": sdk() }, { host: HOSTS[index], allowed: false })).url;
  }
  policy = `
    [origins]
    forbid = ["${at.forbidden}"]
    user_scopes = ["certificates", "sign"]
    [[origins.allow]]
    origin = "${at.fixed}"
    scopes = ["verify"]
    [[origins.pregrant]]
    origin = "${at.given}"
    scopes = ["sign_in", "sign"]`;
  await stage.startDaemon({ policy });
});
after(() => stage?.close());

for (const name of ["chromium", "firefox"]) {
  test(`what is fixed, given beforehand and forbidden, in ${name}`, { timeout: 120_000 }, async (context) => {
    const { browser, close } = await launch(name, { binaries, env: stage.env, ...elsewhere(name, HOSTS) });
    context.after(close);
    for (const site of NAMES) await permitLoopback(name, browser, at[site]);
    const page = await browser.newPage();
    /** What each of these sites is told, first by the socket and then by the extension. */
    const told = async (...sites) => {
      const answers = {};
      for (const site of sites) {
        await page.goto(at[site]);
        await page.waitForFunction(() => window.scopes !== undefined);
        const ask = (road) => page.evaluate((...words) => window.scopes(...words), road, stage.websocketPort);
        answers[site] = [await ask("websocket"), await ask("extension")];
      }
      return answers;
    };
    const same = (scopes) => [scopes, scopes];

    // The person has just done something there, and of what is settled nobody is asked.
    const settled = { fixed: same("verify"), given: same("sign sign_in"), forbidden: ["not_installed", "not_allowed"] };
    assert.deepEqual(await told(...NAMES), { ...settled, free: ["not_installed", "nobody_to_ask"] });
    for (const site of NAMES) stage.trien("origin", "allow", at[site], ...ALL.flatMap((scope) => ["--scope", scope]));
    assert.deepEqual(await told(...NAMES), { ...settled, free: same("certificates sign") }, "he allows all of them everything");
    for (const site of ["fixed", "given"]) stage.trien("origin", "allow", at[site], "--scope", "sign");
    const narrowed = { fixed: same("verify"), given: same("sign") };
    assert.deepEqual(await told("fixed", "given"), narrowed, "what was fixed stays, of what was given he takes some back");
    for (const site of NAMES) stage.trien("origin", "revoke", at[site]);
  });
}

/** Long enough to connect on a busy machine, in milliseconds. */
const LASTS = 20_000;

for (const name of ["chromium", "firefox"]) {
  test(`what is fixed and given beforehand ends under the pages that live by it, in ${name}`, { timeout: 180_000 }, async (context) => {
    const { browser, close } = await launch(name, { binaries, env: stage.env, ...elsewhere(name, HOSTS) });
    context.after(close);
    const pages = {};
    for (const site of ["fixed", "given"]) {
      await permitLoopback(name, browser, at[site]);
      pages[site] = await browser.newPage();
      await pages[site].goto(at[site]);
      await pages[site].waitForFunction(() => window.connect !== undefined);
    }
    for (const [waiting, other, road] of [["fixed", "given", "websocket"], ["given", "fixed", "extension"]]) {
      await stage.stopDaemon();
      const end = new Date(Date.now() + LASTS);
      const rule = (list, site) => `[[origins.${list}]]\norigin = "${at[site]}"\nscopes = ["certificates"]\nuntil = "${end.toISOString()}"\n`;
      await stage.startDaemon({ policy: ["[origins]\nfirst_use = false\n", rule("allow", "fixed"), rule("pregrant", "given")].join("") });
      context.after(() => stage.answer("approve"));
      stage.answer("hang");
      const since = stage.record.length;
      const actions = () => stage.record.slice(since).map(({ record }) => record.action);
      const connect = (site, road) => pages[site].evaluate((...words) => window.connect(...words), road, stage.websocketPort);
      assert.deepEqual(await connect(waiting, road), ["certificates"]);
      assert.deepEqual(await connect(other, road === "websocket" ? "extension" : "websocket"), ["certificates"]);
      await pages[waiting].evaluate(() => window.begin());
      for (let left = 400; stage.asking.length === 0; left -= 1, await pause(50)) assert.ok(left > 0, "a question");
      assert.ok(new Date() < end, "the question was open before the end");
      assert.equal(await pages[waiting].evaluate(() => window.told), "not_allowed", `${waiting}, over the ${road}`);
      assert.ok(new Date() >= end, "and until the end");
      for (let left = 400; stage.asking.length > 0; left -= 1, await pause(50)) assert.ok(left > 0, "its end");
      for (let left = 400; actions().length < 2; left -= 1, await pause(50)) assert.ok(left > 0, `${actions()}`);
      assert.deepEqual(actions(), ["asked", "withdrawn"]);
      // The one that only listened has lost its connection as well, and does not get another.
      stage.answer("approve");
      await pages[other].evaluate(() => window.begin());
      assert.equal(await pages[other].evaluate(() => window.told), "not_allowed", `${other}, beside it`);
      assert.deepEqual(actions(), ["asked", "withdrawn"]);
    }
    await stage.stopDaemon();
    await stage.startDaemon({ policy });
  });
}
