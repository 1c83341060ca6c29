// A page without a permission cannot tell whether the extension is installed, nor whether Triện runs, in real browsers. What a
// page finds it tells its own server: looking into a page would count as the person's doing there.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { launch } from "../../../testdata/portal/browsers.mjs";
import { Stage, binaries, elsewhere } from "./stage.mjs";

const CHROMIUM_ID = "jkimigkodbknlgplganhnoaekpijpohb";

/** How long the page listens, in milliseconds: longer than the daemon takes to be asked, and than Web eID's library waits. */
const LISTENS = 6000;

/** Tries everything that a page can try, and tells its server all that it has seen. With `?portal` it does what a portal does. */
const PAGE = `<!doctype html><html><head><title>Cổng</title><script>
  const seen = { heard: [], changed: [], found: {} };
  const portal = location.search === "?portal";
  const say = (message) => window.postMessage(message, "*");
  addEventListener("message", ({ data }) => ["ping", "open", "send", "close"].includes(data?.trien) || /^web-eid:[a-z-]+$/.test(data?.action)
    && !/-(ack|success|failure)$/.test(data.action) || seen.heard.push(data));
  for (const name of ["error", "unhandledrejection", "securitypolicyviolation"]) addEventListener(name, () => seen.changed.push(name));
  new MutationObserver((changes) => seen.changed.push(...changes.map(({ target, type }) => type + " " + target.nodeName)))
    .observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  const hello = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "hello", params: { versions: [1], client: "" } });
  let opened = false;
  const picture = (address) => new Promise((resolve) => {
    const image = new Image();
    image.onload = () => resolve("load");
    image.onerror = () => resolve("error");
    image.src = address;
  });
  const open = (session) => { opened = true; say({ trien: "open", session }); say({ trien: "send", session, text: hello }); };
  const look = () => {
    say({ trien: "ping" });
    if (portal) return;
    say({ action: "web-eid:status", libraryVersion: "2.1.0" });
    say({ action: "web-eid:authenticate", libraryVersion: "2.1.0", challengeNonce: "A".repeat(44) });
  };
  onload = async () => {
    // What the parser itself has changed until here is no sign of anybody.
    await new Promise((resolve) => setTimeout(resolve));
    seen.changed.length = 0;
    const looking = setInterval(look, 50);
    look();
    if (portal) addEventListener("message", ({ data }) => data.trien === "pong" && !opened && open("a"));
    else {
      for (const session of ["a", "b", "c", "d", "e"]) open(session);
      say({ trien: "send", session: "b", text: "no JSON" });
      say({ trien: "close", session: "c" });
      for (let left = 3000; left > 0; left -= 1) say({ trien: "send", session: "d", text: "{}" });
      for (const file of ["manifest.json", "content.js", "icons/48.png"]) {
        const address = "chrome-extension://${CHROMIUM_ID}/" + file;
        seen.found[file] = await fetch(address).then(({ status }) => status, ({ name }) => name);
        seen.found[file + " as a picture"] = await picture(address);
      }
      // The product's own port, at which a page of any site may knock.
      const door = "http://DOOR/";
      for (const file of ["", "v1", "favicon.ico", "a".repeat(9000)]) {
        for (const options of [{}, { mode: "no-cors" }, { mode: "no-cors", method: "POST", body: "x".repeat(100) }]) {
          const what = [options.method, options.mode, file.slice(0, 20)].join(" ");
          seen.found[what] = await fetch(door + file, options).then(({ type, status }) => type + status, ({ name }) => name);
        }
        seen.found[file.slice(0, 20) + " of the port, as a picture"] = await picture(door + file);
      }
      seen.found.socket = await new Promise((resolve) => {
        const socket = new WebSocket("ws://DOOR/v1", "trien.v1");
        socket.onopen = () => resolve("open");
        socket.onclose = ({ code, reason, wasClean }) => resolve([code, reason, wasClean].join(" "));
      });
    }
    // A page that had to wait for its session's end tries again.
    setTimeout(() => portal || open("a"), ${LISTENS / 2});
    setTimeout(() => {
      clearInterval(looking);
      seen.names = Object.getOwnPropertyNames(window).sort();
      seen.document = document.documentElement.outerHTML;
      fetch("/seen", { method: "POST", body: JSON.stringify(seen) });
    }, ${LISTENS});
  };
</script></head><body></body></html>`;

let stage;
before(async () => (stage = await Stage.open()));
after(() => stage?.close());

/** A site of its own, and what its page saw; it knocks by this name of this computer. */
async function site(host, { name = "127.0.0.1", ...options } = {}) {
  let tell;
  const seen = async (request, response) => {
    const pieces = await request.toArray();
    response.end();
    tell(JSON.parse(Buffer.concat(pieces)));
  };
  const page = PAGE.replaceAll("DOOR", `${name}:${stage.websocketPort}`);
  const { url } = await stage.site({ "/": page, "/seen": seen }, { host, ...options });
  const visit = async (browser, query = "") => {
    const page = await browser.newPage();
    try {
      const told = new Promise((resolve, reject) => {
        tell = resolve;
        setTimeout(reject, 60_000, new Error("the page told nothing")).unref();
      });
      await page.goto(`${url}/${query}`);
      return await told;
    } finally {
      await page.close();
    }
  };
  return { url, visit };
}

for (const name of ["chromium", "firefox"]) {
  test(`a page without a permission cannot tell ${name} with the extension from one without it`, { timeout: 240_000 }, async (context) => {
    const host = `stranger-${name}.example`;
    const stranger = await site(host, { allowed: false });
    const portal = await site(host);
    const open = async (options) => {
      const started = await launch(name, { binaries, env: stage.env, ...elsewhere(name, host), ...options });
      context.after(started.close);
      return started;
    };
    const bare = await open({ extension: false, host: false });
    await stage.stopDaemon();
    const nobody = await stranger.visit(bare.browser);
    await stage.startDaemon();
    assert.deepEqual([nobody.heard, nobody.changed], [[], []]);
    await bare.close();

    const { browser } = await open({});
    // A new browser takes its time to start an extension: that it is here is heard at the portal.
    const here = async () => (await portal.visit(browser, "?portal")).heard.some(({ message }) => message?.result?.version === 1);
    for (let left = 5; !(await here()); left -= 1) assert.ok(left > 0, "a page with a permission hears that somebody is here, without a click");
    assert.deepEqual(await stranger.visit(browser), nobody, "the daemon runs");

    await stage.stopDaemon();
    try {
      assert.deepEqual(await stranger.visit(browser), nobody, "the daemon does not run");
      const told = await portal.visit(browser, "?portal");
      assert.ok(told.heard.some(({ reason }) => reason === "daemon_not_running"), "who had a permission is told why it does not go");
    } finally {
      await stage.startDaemon();
    }
    // A permission that is taken back: the page is told so once, and then it is a stranger.
    stage.trien("origin", "revoke", portal.url);
    assert.ok((await portal.visit(browser, "?portal")).heard.some(({ message }) => message?.error?.data?.code === "not_allowed"));
    assert.deepEqual(await portal.visit(browser), nobody);
  });

  test(`nor over http, by a name of its own that leads to this computer, in ${name}`, { timeout: 240_000 }, async (context) => {
    // Of such addresses browsers do not say what a request is for.
    const [host, named] = [`plain-${name}.example`, `rebound-${name}.example`];
    const stranger = await site(host, { allowed: false, secure: false, name: named });
    const { browser, close } = await launch(name, { binaries, env: stage.env, ...elsewhere(name, [host, named]) });
    context.after(close);
    const here = await stranger.visit(browser);
    await stage.stopDaemon();
    try {
      assert.deepEqual(here, await stranger.visit(browser));
    } finally {
      await stage.startDaemon();
    }
  });

  test(`nor one without its program, in ${name}`, { timeout: 120_000 }, async (context) => {
    const host = `bare-${name}.example`;
    const stranger = await site(host, { allowed: false });
    const visit = async (options) => {
      const { browser, close } = await launch(name, { binaries, env: stage.env, ...elsewhere(name, host), host: false, ...options });
      context.after(close);
      return stranger.visit(browser);
    };
    assert.deepEqual(await visit({}), await visit({ extension: false }));
  });
}
