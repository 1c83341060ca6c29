/**
 * The content script: carries messages between a page and the background. It runs in a world of its own, so nothing
 * that the page redefines reaches it; what the page says is data, and never says who the page is.
 *
 * A page hears nothing, not even that somebody is here, until the daemon says that it has a permission or the person
 * has just done something in it: {@link met}. Nor does a frame in a frame of a third site.
 */

import { BRIDGE_VERSION, MARK, MAX_SESSIONS, MAX_TEXT, readFromPage } from "../../sdk/src/bridge.ts";
import type { CloseReason, FromExtension, FromPage } from "../../sdk/src/bridge.ts";
import type { ToBackground, ToContent } from "./internal.ts";
import { LOOK_PORT_NAME, PORT_NAME } from "./internal.ts";
import { Rate } from "./rate.ts";
import { hearWebEid, leaveWebEid } from "./web-eid/page.ts";

/** Uploading in the largest pieces as fast as the fastest computer takes them stays below this. */
const messages = new Rate(1000, 500);

/** A page pings every 50 ms until it is answered. */
const pings = new Rate(20, 20);

/** Each may start a process. A page that is answered looks no more. */
const looks = new Rate(1, 0.2);

/** Whether this page may hear from us. What it has been told it knows; so it stays as long as the page. */
let met = false;

/** Whether the daemon has said that this page has a permission. What is here has no version for any other. */
let acknowledged = false;

/** The question whether this page has a permission. */
let look: chrome.runtime.Port | undefined;

const sessions = new Map<string, chrome.runtime.Port>();

function hear(event: MessageEvent): void {
  if (event.source !== window) return;
  const message = readFromPage(event.data);
  if (message === undefined) return hearWebEid(event.data, messages);
  // Our own messages are for secure contexts alone; Web eID's have an answer for the others.
  if (!window.isSecureContext) return;
  if (message[MARK] === "ping") {
    if (!pings.allows()) return;
    meetIfActive();
    return met ? pong() : lookAround();
  }
  if (!messages.allows()) return tooMany(message);
  switch (message[MARK]) {
    case "open":
      return open(message.session, message.quiet === true);
    case "send":
      return send(message.session, message.text);
    case "close":
      sessions.get(message.session)?.disconnect();
      sessions.delete(message.session);
  }
}

/** Whether the person has just done something in this page; a page cannot make it up. */
function meetIfActive(): boolean {
  const active = navigator.userActivation?.isActive === true;
  met ||= active;
  return active;
}

/** Asks whether this page has a permission. One that has none hears nothing, and cannot tell us from nobody. */
function lookAround(): void {
  if (look !== undefined || !looks.allows()) return;
  try {
    const opened = chrome.runtime.connect({ name: LOOK_PORT_NAME });
    look = opened;
    opened.onMessage.addListener((message: ToContent) => {
      if (!("acknowledged" in message)) return;
      met = acknowledged = true;
      pong();
    });
    opened.onDisconnect.addListener(() => {
      if (look === opened) look = undefined;
    });
  } catch {
    // An orphan after an update of the extension: nobody is here.
  }
}

function pong(): void {
  post({ [MARK]: "pong", bridge: BRIDGE_VERSION, version: acknowledged ? version() : "", sessions: [...sessions.keys()] });
}

/** Ends the session; one that is not open yet must hear of it, or it would wait for ever. */
function tooMany({ [MARK]: kind, session }: Exclude<FromPage, { [MARK]: "ping" }>): void {
  if (kind === "open" && !sessions.has(session)) post({ [MARK]: "closed", session, reason: "too_many" });
  else end(session, "too_many");
}

/** With `quiet`, nobody is to be asked whether this page may ask, whatever the person has just done in it. */
function open(session: string, quiet: boolean): void {
  if (sessions.has(session)) return;
  const active = meetIfActive() && !quiet;
  if (sessions.size >= MAX_SESSIONS) return post({ [MARK]: "closed", session, reason: "too_many_sessions" });
  let port: chrome.runtime.Port;
  try {
    port = chrome.runtime.connect({ name: PORT_NAME });
  } catch {
    // After an update of the extension this script is an orphan until the page is loaded again.
    return post({ [MARK]: "closed", session, reason: "extension_gone" });
  }
  sessions.set(session, port);
  port.postMessage({ open: { active } } satisfies ToBackground);
  port.onMessage.addListener((message: ToContent) => {
    if ("acknowledged" in message) met = acknowledged = true;
    else if ("closed" in message) end(session, message.closed);
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
  look?.disconnect();
  look = undefined;
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
  if (met) window.postMessage(message, window.location.origin);
}

/**
 * Whether nobody but its own site and that of the page in the address bar is around this page. The person is told of those
 * two: a third in between, whose page this one lies in, could not be shown. The page's own scripts have no say in it.
 */
function isBetweenTwoSites(): boolean {
  const around = Array.from(window.location.ancestorOrigins ?? []);
  for (let frame: Window = window.parent, index = 0; frame !== window.top && frame !== frame.parent; frame = frame.parent, index += 1) {
    const ofTheTop = around[index] !== undefined && around[index] !== "null" && around[index] === around.at(-1);
    if (!ofTheTop && !isOfOurSite(frame)) return false;
  }
  return true;
}

/** Whether another page has this one's origin. */
function isOfOurSite(page: Window): boolean {
  try {
    return page.origin === window.origin;
  } catch {
    return false;
  }
}

// A sandboxed page has the address of a site but not its origin; it is not answered at all.
if (window.origin === window.location.origin && isBetweenTwoSites()) {
  window.addEventListener("message", hear);
  window.addEventListener("pagehide", leave);
}
