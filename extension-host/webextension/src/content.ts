/**
 * The content script: carries messages between a page and the background. It runs in a world of its own, so nothing
 * that the page redefines reaches it; what the page says is data, and never says who the page is.
 */

import { BRIDGE_VERSION, MARK, MAX_SESSIONS, MAX_TEXT, readFromPage } from "../../sdk/src/bridge.ts";
import type { CloseReason, FromExtension, FromPage } from "../../sdk/src/bridge.ts";
import type { ToBackground, ToContent } from "./internal.ts";
import { PORT_NAME } from "./internal.ts";
import { Rate } from "./rate.ts";
import { hearWebEid, leaveWebEid } from "./web-eid/page.ts";

/** Uploading in the largest pieces as fast as the fastest computer takes them stays below this. */
const messages = new Rate(1000, 500);

/** A page pings every 50 ms until it is answered. */
const pings = new Rate(20, 20);

const sessions = new Map<string, chrome.runtime.Port>();

function hear(event: MessageEvent): void {
  if (event.source !== window) return;
  const message = readFromPage(event.data);
  if (message === undefined) return hearWebEid(event.data, messages);
  // Our own messages are for secure contexts alone; Web eID's have an answer for the others.
  if (!window.isSecureContext) return;
  if (message[MARK] === "ping") {
    if (pings.allows()) post({ [MARK]: "pong", bridge: BRIDGE_VERSION, version: version() });
    return;
  }
  if (!messages.allows()) return tooMany(message);
  switch (message[MARK]) {
    case "open":
      return open(message.session);
    case "send":
      return send(message.session, message.text);
    case "close":
      sessions.get(message.session)?.disconnect();
      sessions.delete(message.session);
  }
}

/** Ends the session; one that is not open yet must hear of it, or it would wait for ever. */
function tooMany({ [MARK]: kind, session }: Exclude<FromPage, { [MARK]: "ping" }>): void {
  if (kind === "open" && !sessions.has(session)) post({ [MARK]: "closed", session, reason: "too_many" });
  else end(session, "too_many");
}

function open(session: string): void {
  if (sessions.has(session)) return;
  if (sessions.size >= MAX_SESSIONS) return post({ [MARK]: "closed", session, reason: "too_many" });
  let port: chrome.runtime.Port;
  try {
    port = chrome.runtime.connect({ name: PORT_NAME });
  } catch {
    // After an update of the extension this script is an orphan until the page is loaded again.
    return post({ [MARK]: "closed", session, reason: "extension_gone" });
  }
  sessions.set(session, port);
  port.postMessage({ open: { active: navigator.userActivation?.isActive === true } } satisfies ToBackground);
  port.onMessage.addListener((message: ToContent) => {
    if ("closed" in message) end(session, message.closed);
    else if (sessions.has(session)) post({ [MARK]: "message", session, message: message.message });
  });
  // After an update this script has lost its extension; otherwise only the background was stopped.
  port.onDisconnect.addListener(() => end(session, alive() ? "extension_stopped" : "extension_gone"));
}

function send(session: string, text: string): void {
  const port = sessions.get(session);
  if (port === undefined) return;
  if (text.length > MAX_TEXT) return end(session, "bad_message");
  port.postMessage({ text } satisfies ToBackground);
}

function end(session: string, reason: CloseReason): void {
  const port = sessions.get(session);
  if (port === undefined) return;
  sessions.delete(session);
  port.disconnect();
  post({ [MARK]: "closed", session, reason });
}

/** A page kept in the back/forward cache must not keep its hosts, nor hear of requests it no longer shows. */
function leave(): void {
  for (const session of [...sessions.keys()]) end(session, "extension_gone");
  leaveWebEid();
}

function alive(): boolean {
  return chrome.runtime?.id !== undefined;
}

function version(): string {
  try {
    return chrome.runtime.getManifest().version;
  } catch {
    return "";
  }
}

function post(message: FromExtension): void {
  window.postMessage(message, window.location.origin);
}

// A sandboxed page has the address of a site but not its origin; it is not answered at all.
if (window.origin === window.location.origin) {
  window.addEventListener("message", hear);
  window.addEventListener("pagehide", leave);
}
