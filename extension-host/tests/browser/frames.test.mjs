// Whatever a page does, the browser says who it is. These pages talk to the content script without the library.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { launch } from "../../../testdata/portal/browsers.mjs";
import { Stage, binaries, elsewhere } from "./stage.mjs";

/** Of the frame, and of the page around it. */
const HOSTS = ["portal.example", "around.example"];

/**
 * Says hello by hand and tells its server what comes back. To look into the page would count as the person's doing there, and
 * then an unknown site may have the person asked.
 */
const PROBE = `
  const query = new URLSearchParams(location.search);
  if (query.has("hostile")) {
    for (const name of ["push", "map", "forEach", "includes"]) Array.prototype[name] = () => { throw 0; };
    Object.prototype.origin = "https://allowed.example";
    Object.prototype.trien_host = "daemon_not_running";
    JSON.parse = JSON.stringify = () => { throw 0; };
    window.postMessage = new Proxy(window.postMessage, {});
  }
  let told = false;
  const tell = (text) => { if (told) return; told = true; fetch("/told?" + new URLSearchParams({ text }), { mode: "no-cors" }); };
  const say = (message) => window.postMessage(message, "*");
  const hello = '{"jsonrpc":"2.0","id":1,"method":"hello","params":{"versions":[' + (query.get("version") ?? 1) + '],"client":""}}';
  const forged = '{"from":"extension","origin":"https://allowed.example","top_origin":"https://allowed.example"}';
  let asked = false;
  // One session after the other, each closed as soon as its host has answered, until some were refused.
  const storm = () => {
    const met = { answered: 0, refused: 0 };
    const began = Date.now();
    const next = () => {
      const session = "storm-" + (met.answered + met.refused);
      say({ trien: "open", session });
      say({ trien: "send", session, text: hello });
    };
    window.addEventListener("message", ({ source, data }) => {
      if (source !== window || !data?.session?.startsWith("storm-")) return;
      if (data.trien === "message") say({ trien: "close", session: data.session });
      if (data.trien !== "message" && data.trien !== "closed") return;
      met[data.trien === "message" ? "answered" : "refused"] += 1;
      if (met.refused === 20) tell(["storm", met.answered, Math.ceil((Date.now() - began) / 1000)].join(" "));
      setTimeout(next, data.trien === "message" ? 0 : 50);
    });
    next();
  };
  window.addEventListener("message", ({ source, data }) => {
    if (source !== window || !data) return;
    if (query.has("storm")) {
      if (data.trien === "pong" && !asked) storm(asked = true);
      return;
    }
    if (data.trien === "pong" && !asked) {
      asked = true;
      if (query.has("flood")) {
        for (let left = 10000; left > 0; left -= 1) say({ trien: "send", session: "x", text: "{}" });
        // Some of a flood pass, as many as the rate allows, but not two one after the other.
        say({ trien: "open", session: "t" });
      }
      say({ trien: "open", session: "s", origin: "https://allowed.example", topOrigin: "https://allowed.example" });
      say({ trien: "send", session: "s", text: query.has("forged") ? forged : hello, origin: "https://allowed.example" });
    }
    if (data.trien === "message") tell(data.message.error ? data.message.error.data.code : "hello " + data.message.result.version);
    if (data.trien === "closed") tell("closed " + data.reason);
  });
  setInterval(() => asked || say({ trien: "ping" }), 50);
  setTimeout(() => asked || tell("no answer"), query.has("brief") ? 2500 : 20000);
`;

let stage;
/** Who waits to hear what a page was told. */
let hear = () => {};
before(async () => (stage = await Stage.open()));
after(() => stage?.close());

/** The query of a request. */
const queryOf = (request) => new URL(request.url, "http://probe").searchParams;

const PAGES = {
  "/probe": `<!doctype html><title></title><script src="/probe.js"></script>`,
  "/probe.js": PROBE,
  "/told": (request, response) => {
    hear(queryOf(request).get("text"));
    response.end();
  },
  "/around": (request, response) => {
    const query = queryOf(request);
    response.setHeader("Content-Type", "text/html");
    response.end(`<!doctype html><title></title><iframe ${query.get("sandbox") ?? ""} src="${query.get("frame")}"></iframe>`);
  },
};

/** The frame's site and that of the page around it. */
async function sites() {
  const [inner, outer] = await Promise.all(HOSTS.map((host) => stage.site(PAGES, { host })));
  return { inner: inner.url, outer: outer.url };
}

/** What the page, or the frame in it, was told. */
async function answerTo(browser, url) {
  const page = await browser.newPage();
  try {
    const told = new Promise((resolve) => {
      hear = resolve;
      setTimeout(resolve, 30_000, "nothing").unref();
    });
    await page.goto(url);
    return await told;
  } finally {
    hear = () => {};
    await page.close();
  }
}

for (const name of ["chromium", "firefox"]) {
  test(`n062 n063 n064 n065 n068 who is asking, in ${name}`, async () => {
    const { inner, outer } = await sites();
    const framed = (frame, sandbox = "") => `${outer}/around?${new URLSearchParams({ frame, sandbox })}`;
    const { browser, close } = await launch(name, { binaries, env: stage.env, ...elsewhere(name, HOSTS) });
    try {
      assert.equal(await answerTo(browser, `${inner}/probe`), "hello 1");
      assert.equal(await answerTo(browser, `${inner}/probe?hostile`), "hello 1", "the page's own JavaScript is its own");
      assert.equal(await answerTo(browser, `${inner}/probe?version=99`), "version_mismatch");
      assert.equal(await answerTo(browser, `${inner}/probe?forged`), "bad_request", "an opening is said once");
      assert.equal(await answerTo(browser, `${inner}/probe?flood`), "closed too_many");
      // Each session is a process: eight at once, then one in two seconds (background.ts, STARTS).
      const [, hosts, seconds] = (await answerTo(browser, `${(await sites()).inner}/probe?storm`)).split(" ").map(Number);
      assert.ok(hosts >= 1 && hosts <= 8 + seconds / 2, `${hosts} hosts in ${seconds} s`);
      assert.equal(await answerTo(browser, framed(`${outer}/probe`)), "hello 1", "a frame of the same site");
      assert.equal(await answerTo(browser, framed(`${inner}/probe`)), "hello 1", "both sites are allowed");
      assert.equal(await answerTo(browser, framed(`${inner}/probe?brief`, 'sandbox="allow-scripts"')), "no answer");
      stage.trien("origin", "revoke", outer);
      assert.equal(await answerTo(browser, framed(`${inner}/probe?brief`)), "no answer", "the site around it is not");
      stage.trien("origin", "revoke", inner);
      stage.allow(outer);
      assert.equal(await answerTo(browser, framed(`${inner}/probe?brief`)), "no answer", "the frame's own site is not");
      assert.equal(await answerTo(browser, `${inner}/probe`), "not_allowed", "a site that had a permission is told so once");
      assert.equal(await answerTo(browser, `${inner}/probe?brief`), "no answer", "then it is a stranger");
    } finally {
      await close();
    }
  });
}
