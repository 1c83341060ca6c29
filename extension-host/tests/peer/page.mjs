// What a page has and Node has not: a window, a document, permissions and a WebSocket.
import { webcrypto } from "node:crypto";
import NodeWebSocket from "ws";

// Node 18 has it, but not as a global.
globalThis.crypto ??= webcrypto;

/** Like a browser's: a failure is an event that nobody has to listen to. */
class WebSocket extends NodeWebSocket {
  constructor(...words) {
    super(...words);
    this.on("error", () => {});
  }
}

/**
 * Puts a page at this address around the test. `permission` is the state of "loopback-network", if it is known; `touched`
 * whether the person has just done something in it, if the browser tells; `framed` puts it into another page: of its own site (`own`), of another (`true`), or of its own in that of another (`between`).
 */
export function openPage({ hostname = "portal.example", permission, chromium = true, secure = true, touched, framed = false } = {}) {
  const window = new EventTarget();
  window.isSecureContext = secure;
  window.origin = `https://${hostname}`;
  window.location = { hostname, origin: window.origin };
  window.parent = around(window, framed);
  window.postMessage = (data) => {
    const event = new Event("message");
    event.source = window;
    event.data = structuredClone(data);
    queueMicrotask(() => window.dispatchEvent(event));
  };
  const query = async ({ name }) => {
    if (permission === undefined || name !== "loopback-network") throw new TypeError(name);
    return { state: permission };
  };
  const navigator = { permissions: { query }, ...(chromium ? { userAgentData: {} } : {}) };
  if (touched !== undefined) navigator.userActivation = { hasBeenActive: touched, isActive: touched };
  const document = new EventTarget();
  for (const [name, value] of Object.entries({ window, document, navigator, location: window.location, WebSocket })) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  return { window, document };
}

/** The window around a page's. */
function around(window, framed) {
  if (!framed) return window;
  // As browsers have it: whose it is, is not told.
  const foreign = { get origin() { throw new DOMException("", "SecurityError"); } };
  foreign.parent = foreign;
  if (framed === true) return foreign;
  const own = { origin: window.origin };
  own.parent = framed === "own" ? own : foreign;
  return own;
}

/**
 * Plays the extension's content script in the window: `hear` gets each message of the page and a way to answer. `silentMs` is how
 * long it says nothing, because it has to ask the daemon first, in milliseconds.
 */
export function playExtension({ window }, hear, bridge = 1, silentMs = 0) {
  const speaks = performance.now() + silentMs;
  window.addEventListener("message", ({ data }) => {
    if (data?.trien === "ping" && performance.now() >= speaks) window.postMessage({ trien: "pong", bridge, version: "0" });
    else if (["open", "send", "close"].includes(data?.trien)) {
      hear(data, (answer) => window.postMessage({ session: data.session, ...answer }));
    }
  });
}
