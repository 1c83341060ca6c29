// Whatever a page does, the browser says who it is. These pages talk to the content script without the library.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { launch } from "../../../testdata/portal/browsers.mjs";
import { Stage, binaries, elsewhere } from "./stage.mjs";

/** Of the frame, and of the page around it. */
const HOSTS = ["portal.example", "around.example"];

/** Of a frame between them. */
const BETWEEN = "between.example";

/**
 * Says hello by hand and tells its server what comes back. To look into the page would count as the person's doing there, and
 * then an unknown site may have the person asked.
 */
const PROBE = `
  const query = new URLSearchParams(window.probe?.query ?? location.search);
  if (query.has("hostile")) {
    for (const name of ["push", "map", "forEach", "includes"]) Array.prototype[name] = () => { throw 0; };
    Object.prototype.origin = "https://allowed.example";
    Object.prototype.trien_host = "daemon_not_running";
    JSON.parse = JSON.stringify = () => { throw 0; };
    window.postMessage = new Proxy(window.postMessage, {});
  }
  let told = false;
  const tell = (text) => { if (told) return; told = true; window.toldText = text; fetch((window.probe?.told ?? "/told") + "?" + new URLSearchParams({ text }), { mode: "no-cors" }); };
  const say = (message) => window.postMessage(message, "*");
  if (query.has("port")) {
    const socket = new WebSocket("ws://127.0.0.1:" + query.get("port") + "/v1", "trien.v1");
    socket.onopen = () => socket.send(hello);
    socket.onmessage = ({ data }) => tell("hello " + JSON.parse(data).result.version);
    socket.onclose = () => tell("refused");
  }
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
  // A page that stands still for a moment lets some of a flood pass, for the rate is one of time: whoever is answered then
  // leaves, and floods again.
  let floods = 0;
  const flood = () => {
    say({ trien: "close", session: "f" + floods });
    floods += 1;
    for (let left = 10000; left > 0; left -= 1) say({ trien: "send", session: "x", text: "{}" });
    say({ trien: "open", session: "f" + floods });
    say({ trien: "send", session: "f" + floods, text: hello });
  };
  window.addEventListener("message", ({ source, data }) => {
    if (source !== window || !data) return;
    if (query.has("storm")) {
      if (data.trien === "pong" && !asked) storm(asked = true);
      return;
    }
    if (data.trien === "pong" && !asked) {
      asked = true;
      if (query.has("flood")) return flood();
      say({ trien: "open", session: "s", origin: "https://allowed.example", topOrigin: "https://allowed.example" });
      say({ trien: "send", session: "s", text: query.has("forged") ? forged : hello, origin: "https://allowed.example" });
    }
    if (data.trien === "message" && query.has("flood")) return flood();
    if (data.trien === "message") tell(data.message.error ? data.message.error.data.code : "hello " + data.message.result.version);
    if (data.trien === "closed") tell("closed " + data.reason);
  });
  // To the page around it, whose window the content script there listens at.
  if (query.has("up")) {
    parent.postMessage({ trien: "ping" }, "*");
    parent.postMessage({ trien: "open", session: "u" }, "*");
    parent.postMessage({ trien: "send", session: "u", text: hello }, "*");
  }
  if (!query.has("port")) setInterval(() => asked || say({ trien: "ping" }), 50);
  if (!query.has("port")) setTimeout(() => asked || tell("no answer"), query.has("brief") ? 2500 : 20000);
`;

/**
 * A page with a frame that has no address of a site: `kind` says which. The frame does what `query` says, and so does the
 * page itself with what it hears that is the content script's, if the frame speaks to it.
 */
const FRAMER = `<!doctype html><title></title><body><script type="module">
  const asked = new URLSearchParams(location.search);
  const told = location.origin + "/told";
  const setting = "window.probe = " + JSON.stringify({ query: asked.get("query"), told }) + ";";
  const code = setting + await (await fetch("/probe.js")).text();
  const html = "<!doctype html><title></title><script>" + code + "</" + "script>";
  const frame = document.createElement("iframe");
  const kinds = {
    srcdoc: () => (frame.srcdoc = html),
    blank: () => (frame.src = "about:blank"),
    blob: () => (frame.src = URL.createObjectURL(new Blob([html], { type: "text/html" }))),
    data: () => (frame.src = "data:text/html;charset=utf-8," + encodeURIComponent(html)),
    sandboxed: () => (frame.setAttribute("sandbox", "allow-scripts"), (frame.srcdoc = html)),
    sandboxedBlob: () => (frame.setAttribute("sandbox", "allow-scripts"), kinds.blob()),
    sandboxedSite: () => (frame.setAttribute("sandbox", "allow-scripts"), (frame.src = "/probe?" + asked.get("query"))),
  };
  kinds[asked.get("kind")]();
  document.body.append(frame);
  if (asked.get("kind") === "blank") {
    const script = frame.contentDocument.createElement("script");
    script.textContent = code;
    frame.contentDocument.body.append(script);
  }
  addEventListener("message", ({ data }) => {
    if (["pong", "message", "closed"].includes(data?.trien)) fetch(told + "?text=the page around heard " + data.trien);
  });
</script></body>`;

let stage;
/** Who waits to hear what a page was told. */
let hear = () => {};
before(async () => (stage = await Stage.open({ log: true })));
after(() => stage?.close());

/** The query of a request. */
const queryOf = (request) => new URL(request.url, "http://probe").searchParams;

const PAGES = {
  "/probe": `<!doctype html><title></title><script src="/probe.js"></script>`,
  "/probe.js": PROBE,
  "/framer": FRAMER,
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

/** A stranger's name, and names before it: each is an origin of its own. */
const STRANGER = "evil.example";
const CROWD = Array.from({ length: 40 }, (_, number) => `n${number}.${STRANGER}`);

/** Frames of all these, each of which opens as many sessions as it can. */
const crowd = {
  "/crowd": (request, response) => {
    const frames = CROWD.map((host) => `<iframe src="https://${host}:${request.socket.localPort}/one"></iframe>`);
    response.setHeader("Content-Type", "text/html");
    response.end(`<!doctype html><title></title>${frames.join("")}`);
  },
  "/one": `<!doctype html><title></title><script>
    const hello = '{"jsonrpc":"2.0","id":1,"method":"hello","params":{"versions":[1],"client":""}}';
    const open = () => {
      for (let n = 0; n < 8; n += 1) {
        const session = "s" + n + Date.now();
        window.postMessage({ trien: "ping" }, "*");
        window.postMessage({ trien: "open", session }, "*");
        window.postMessage({ trien: "send", session, text: hello }, "*");
      }
    };
    onload = () => setInterval(open, 1000);
  </script>`,
};

for (const name of ["chromium", "firefox"]) {
  test(`n065 however many names a stranger has, a portal keeps its hosts, in ${name}`, { timeout: 240_000 }, async () => {
    const [{ inner }, evil] = [await sites(), await stage.site(crowd, { host: STRANGER, allowed: false })];
    const { browser, close } = await launch(name, { binaries, env: stage.env, ...elsewhere(name, [...HOSTS, STRANGER, ...CROWD]) });
    try {
      assert.equal(await answerTo(browser, `${inner}/probe`), "hello 1");
      const refused = () => stage.log.split("a page was refused on the socket").length - 1;
      const before = refused();
      const page = await browser.newPage();
      const began = Date.now();
      await page.goto(`${evil.url}/crowd`);
      await new Promise((resolve) => setTimeout(resolve, 5000));
      for (let left = 600; refused() === before; left -= 1) {
        assert.ok(left > 0, "a host of theirs");
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      assert.equal(await answerTo(browser, `${inner}/probe`), "hello 1", "in the midst of them");
      const hosts = refused() - before;
      const seconds = Math.ceil((Date.now() - began) / 1000);
      assert.ok(hosts >= 1 && hosts <= 8 + seconds / 2, `${hosts} hosts in ${seconds} s`);
    } finally {
      await close();
    }
  });

  test(`n062 n063 n064 n065 n068 who is asking, in ${name}`, async () => {
    const { inner, outer } = await sites();
    const framed = (frame, sandbox = "") => `${outer}/around?${new URLSearchParams({ frame, sandbox })}`;
    const { browser, close } = await launch(name, { binaries, env: stage.env, ...elsewhere(name, [...HOSTS, BETWEEN]) });
    try {
      assert.equal(await answerTo(browser, `${inner}/probe`), "hello 1");
      assert.equal(await answerTo(browser, `${inner}/probe?hostile`), "hello 1", "the page's own JavaScript is its own");
      assert.equal(await answerTo(browser, `${inner}/probe?version=99`), "version_mismatch");
      assert.equal(await answerTo(browser, `${inner}/probe?forged`), "bad_request", "an opening is said once");
      assert.equal(await answerTo(browser, `${inner}/probe?flood`), "closed too_many");
      // Each session is a process: eight at once, then one in two seconds (places.ts, STARTS).
      const [, hosts, seconds] = (await answerTo(browser, `${(await sites()).inner}/probe?storm`)).split(" ").map(Number);
      assert.ok(hosts >= 1 && hosts <= 8 + seconds / 2, `${hosts} hosts in ${seconds} s`);
      assert.equal(await answerTo(browser, framed(`${outer}/probe`)), "hello 1", "a frame of the same site");
      assert.equal(await answerTo(browser, framed(`${inner}/probe`)), "hello 1", "both sites are allowed");
      assert.equal(await answerTo(browser, framed(`${inner}/probe?brief`, 'sandbox="allow-scripts"')), "no answer");
      // A third site between the two, which the person could not be told of; each of the two may be there more than once.
      const between = (site, frame) => framed(`${site}/around?${new URLSearchParams({ frame })}`);
      const evil = await stage.site(PAGES, { host: BETWEEN, allowed: false });
      assert.equal(await answerTo(browser, between(evil.url, `${inner}/probe?brief`)), "no answer", "a third site between them");
      stage.allow(evil.url);
      assert.equal(await answerTo(browser, between(evil.url, `${inner}/probe?brief`)), "no answer", "though it has a permission");
      assert.equal(await answerTo(browser, between(inner, `${inner}/probe`)), "hello 1", "its own site between them");
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

/** Frames without an address of a site, and whether the browser lets them speak for the site that made them. */
const KINDS = { srcdoc: true, blank: true, blob: true, data: false, sandboxed: false, sandboxedBlob: false, sandboxedSite: false };

for (const name of ["chromium", "firefox"]) {
  test(`n002 n063 frames without an address of their own, in ${name}`, { timeout: 240_000 }, async (context) => {
    const { inner, outer } = await sites();
    stage.trien("origin", "revoke", outer);
    const { browser, close } = await launch(name, { binaries, env: stage.env, ...elsewhere(name, HOSTS) });
    context.after(close);
    const within = (site, kind, query) => `${site}/framer?${new URLSearchParams({ kind, query })}`;
    const port = `port=${stage.websocketPort}`;
    // A session of the page's own is there, so that the extension is awake and this site known to it.
    assert.equal(await answerTo(browser, `${inner}/probe`), "hello 1");
    for (const [kind, speaks] of Object.entries(KINDS)) {
      // The person could not be told who asks: the extension is not there for such a frame, whoever made it, nor for what it
      // says to the page around it.
      assert.equal(await answerTo(browser, within(inner, kind, "brief")), "no answer", kind);
      assert.equal(await answerTo(browser, within(inner, kind, "brief&up")), "no answer", `${kind} to the page around it`);
      // A socket says whose it is by its handshake: the site's that made the frame, or nobody's.
      assert.equal(await answerTo(browser, within(inner, kind, port)), speaks ? "hello 1" : "refused", `${kind} over the WebSocket\n${stage.log.slice(-2000)}`);
      assert.equal(await answerTo(browser, within(outer, kind, port)), "refused", `${kind} of a site without a permission`);
    }
  });

  test(`n063 pages without an address of a site in the address bar, in ${name}`, { timeout: 120_000 }, async (context) => {
    const { inner } = await sites();
    const { browser, close } = await launch(name, { binaries, env: stage.env, ...elsewhere(name, HOSTS) });
    context.after(close);
    const probe = `<!doctype html><title></title><script>window.probe = ${JSON.stringify({ query: "brief", told: `${inner}/told` })};${PROBE}</script>`;
    const page = await browser.newPage();
    // It may not reach its server, so it is looked at; which counts as the person's doing there, and is no use to it.
    await page.goto(`data:text/html;charset=utf-8,${encodeURIComponent(probe)}`);
    const heard = await page.waitForFunction(() => window.toldText, { timeout: 30_000 });
    assert.equal(await heard.jsonValue(), "no answer");
    await page.goto(`${inner}/around?frame=about:blank`);
    const told = new Promise((resolve) => (hear = resolve));
    // As the site's own script opens it: its document has the site's origin, and a blob's address.
    await page.evaluate((html) => void window.open(URL.createObjectURL(new Blob([html], { type: "text/html" }))), probe);
    assert.equal(await told, "no answer");
  });
}
