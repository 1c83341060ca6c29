import assert from "node:assert/strict";
import test from "node:test";
import { load } from "../../tests/peer/load.mjs";
import { listenWebSocket } from "../../tests/peer/peer.mjs";
import { openPage, playExtension } from "../../tests/peer/page.mjs";

const { Trien } = await load("sdk/src/index.ts");
const { foresee, isFramedElsewhere, isLoopback, obstacleOf } = await load("sdk/src/diagnosis.ts");
const { crowded, messages, remedies } = await load("sdk/src/messages.ts");

/** A port on which nobody listens: none that the system gives away, so that no test beside this one can get it. */
const NOBODY = 1;

async function codeOf(options = {}) {
  const error = await Trien.connect({ port: NOBODY, ...options }).catch((error) => error);
  return error.code;
}

test("a refused socket, by permission and browser", async () => {
  for (const [page, blocked] of [
    [{ permission: "denied" }, true],
    [{ permission: "denied", chromium: false }, true],
    [{ permission: "prompt" }, true],
    [{ permission: "prompt", chromium: false }, false],
    [{ permission: "granted" }, false],
    [{}, false],
    [{ permission: "prompt", hostname: "127.0.0.1" }, false],
    [{ permission: "denied", hostname: "localhost" }, false],
  ]) {
    openPage(page);
    assert.equal(await obstacleOf("refused"), blocked ? "permission" : undefined, JSON.stringify(page));
    assert.equal(await codeOf(), blocked ? "blocked_by_browser" : "not_installed");
  }
});

test("what a browser blocks before it asks", async () => {
  openPage({ permission: "granted" });
  for (const refusal of ["content_security_policy", "constructor_refused"]) assert.equal(await obstacleOf(refusal), "policy");
  assert.equal(await obstacleOf("no_answer"), undefined);
  openPage({ permission: "prompt" });
  assert.equal(await obstacleOf("no_answer"), "permission");
  openPage({ secure: false });
  assert.equal(await codeOf({ roads: ["websocket"] }), "blocked_by_browser");
});

test("no socket is tried that must fail, or that would make the browser ask without a click", async () => {
  for (const [page, obstacle] of [
    [{ secure: false }, "insecure"],
    [{ permission: "denied" }, "permission"],
    [{ permission: "denied", framed: true }, "frame"],
    [{ permission: "denied", hostname: "127.0.0.1" }, undefined],
    [{ permission: "prompt", touched: false }, "click"],
    [{ permission: "prompt", touched: false, chromium: false }, "click"],
    [{ permission: "prompt", touched: true }, undefined],
    [{ permission: "granted", touched: false }, undefined],
    [{ touched: false }, undefined],
  ]) {
    openPage(page);
    assert.equal(await foresee(), obstacle, JSON.stringify(page));
    if (obstacle === undefined) continue;
    globalThis.WebSocket = class {
      constructor() {
        assert.fail("a socket was tried");
      }
    };
    const error = await Trien.connect({ roads: ["websocket"] }).catch((error) => error);
    assert.deepEqual([error.code, error.remedy], ["blocked_by_browser", remedies[obstacle]]);
  }
});

test("n064 no socket is tried in a frame of another site, unless the portal wants it", async () => {
  for (const [framed, elsewhere] of [[false, false], ["own", false], [true, true], ["between", true]]) {
    for (const hostname of ["portal.example", "127.0.0.1"]) {
      openPage({ permission: "granted", framed, hostname });
      assert.equal(isFramedElsewhere(), elsewhere, String(framed));
      const error = await Trien.connect({ port: NOBODY, roads: ["websocket"] }).catch((error) => error);
      assert.equal(error.code, elsewhere ? "blocked_by_browser" : "not_installed");
      if (elsewhere) assert.deepEqual([error.remedy, error.detail], [remedies.frame, "websocket: framed"]);
      assert.equal(await codeOf({ roads: ["websocket"], framed: true }), "not_installed", "that a socket was tried");
    }
  }
});

test("loading the library does nothing", async () => {
  openPage({ permission: "prompt" });
  const forbidden = () => assert.fail("the library probes");
  globalThis.WebSocket = forbidden;
  navigator.permissions.query = forbidden;
  window.postMessage = forbidden;
  await load("sdk/src/index.ts");
  await new Promise((resolve) => setTimeout(resolve, 100));
});

test("a policy violation ends the wait at once", async () => {
  const { document } = openPage();
  globalThis.WebSocket = class extends EventTarget {
    constructor(url) {
      super();
      const event = new Event("securitypolicyviolation");
      event.blockedURI = new URL(url).origin;
      queueMicrotask(() => document.dispatchEvent(event));
    }
    close() {}
  };
  assert.equal(await codeOf(), "blocked_by_browser");
  globalThis.WebSocket = class {
    constructor() {
      throw new DOMException("", "SecurityError");
    }
  };
  assert.equal(await codeOf(), "blocked_by_browser");
});

for (const [reason, code] of [
  ["host_missing", "not_installed"], ["daemon_not_running", "not_running"], ["daemon_untrusted", "not_running"],
  ["host_forbidden", "blocked_by_browser"], ["origin_refused", "blocked_by_browser"], ["host_exited", "closed"],
  ["extension_gone", "closed"], ["extension_stopped", "closed"], ["too_many", "busy"], ["too_many_sessions", "busy"], ["something new", "closed"],
]) {
  test(`an extension that says ${reason}`, async () => {
    const page = openPage();
    playExtension(page, (message, answer) => message.trien === "open" && answer({ trien: "closed", reason }));
    assert.equal(await codeOf({ roads: ["extension"] }), code);
    const withBoth = code === "closed" ? "not_running" : code;
    assert.equal(await codeOf(), withBoth, "and nobody on the socket");
  });
}

test("an older or newer extension", async () => {
  playExtension(openPage(), () => assert.fail("no session is opened"), 2);
  assert.equal(await codeOf(), "outdated");
});

test("an extension that has to ask the daemon first is waited for where the person has not clicked, but not for ever", async () => {
  const answer = (message, answer) => message.trien === "open" && answer({ trien: "closed", reason: "host_missing" });
  for (const [touched, silentMs, detail] of [[false, 1800, /extension: host_missing/], [true, 1800, /no extension/], [false, 20_000, /no extension/]]) {
    playExtension(openPage({ permission: "granted", touched }), answer, 1, silentMs);
    const error = await Trien.connect({ port: NOBODY }).catch((error) => error);
    assert.equal(error.code, "not_installed");
    assert.match(error.detail, detail, `${touched} ${silentMs}`);
  }
});

test("no extension", async () => {
  openPage();
  assert.equal(await codeOf(), "not_installed");
  assert.equal(await codeOf({ roads: ["extension"], timeoutMs: 200 }), "not_installed");
});

test("a page with too many sessions is told what helps, and another road is tried", async (context) => {
  const crowd = () => playExtension(openPage(), (message, answer) => message.trien === "open" && answer({ trien: "closed", reason: "too_many_sessions" }));
  crowd();
  const error = await Trien.connect({ port: NOBODY }).catch((error) => error);
  assert.equal(error.text.en, "This page has too many connections to Triện open.");
  assert.match(error.detail, /^extension: too_many_sessions; websocket: /);
  assert.equal(error.retry, false, "the others stay");
  const { port, close } = await listenWebSocket();
  context.after(close);
  crowd();
  const trien = await Trien.connect({ port });
  context.after(() => trien.close());
  assert.equal(trien.road, "websocket");
});

test("every text is there in both languages", () => {
  const all = [["crowded", crowded], ...Object.entries(messages), ...Object.entries(remedies).map(([code, remedy]) => [code, { message: remedy, remedy }])];
  for (const [code, { message, remedy }] of all) {
    for (const { vi, en } of [message, remedy]) {
      assert.match(vi, /[ạảấầậắằẵặẹẻếềểệịọỏốồổộớờợụủứừửựỳàáãèéìíòóôơưđ]/iu, code);
      assert.match(en, /\.$/, code);
      assert.equal(vi, vi.normalize("NFC"), code);
    }
  }
});

test("which hosts are this computer", () => {
  for (const host of ["localhost", "a.localhost", "127.0.0.1", "127.8.8.8", "[::1]"]) assert.ok(isLoopback(host), host);
  for (const host of ["localhost.example", "127.0.0.1.example", "10.0.0.1", "portal.example"]) assert.ok(!isLoopback(host), host);
});
