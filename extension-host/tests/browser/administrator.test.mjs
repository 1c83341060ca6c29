// What the administrator says of sites, as their pages see it in real browsers over either road: no person widens it.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { launch } from "../../../testdata/portal/browsers.mjs";
import { Stage, binaries, elsewhere, permitLoopback, sdk } from "./stage.mjs";

const PAGE = `<!doctype html><title>Cổng</title><script type="module">
  import { Trien } from "/sdk.js";
  /** What the site may ask for, or why it may not ask. */
  window.scopes = (road, port) => Trien.connect({ roads: [road], port, timeoutMs: 8000 }).then(
    (trien) => (trien.close(), [...trien.scopes].sort().join(" ")), ({ code }) => code);
</script>`;
const ALL = ["certificates", "sign_in", "sign", "batch", "verify", "blind_digest"];
const NAMES = ["fixed", "given", "forbidden", "free"];
const HOSTS = NAMES.map((name) => `${name}.example`);

let stage;
/** The address of each site. */
const at = {};
before(async () => {
  stage = await Stage.open({ daemon: false });
  for (const [index, name] of NAMES.entries()) {
    at[name] = (await stage.site({ "/": PAGE, "/sdk.js": sdk() }, { host: HOSTS[index], allowed: false })).url;
  }
  await stage.startDaemon({ policy: `
    [origins]
    forbid = ["${at.forbidden}"]
    user_scopes = ["certificates", "sign"]
    [[origins.allow]]
    origin = "${at.fixed}"
    scopes = ["verify"]
    [[origins.pregrant]]
    origin = "${at.given}"
    scopes = ["sign_in", "sign"]` });
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
