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
 * whether the person has just done something in it, if the browser tells; `framed` puts it into another page.
 */
export function openPage({ hostname = "portal.example", permission, chromium = true, secure = true, touched, framed = false } = {}) {
  const window = new EventTarget();
  window.isSecureContext = secure;
  window.parent = framed ? {} : window;
  window.location = { hostname, origin: `https://${hostname}` };
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
