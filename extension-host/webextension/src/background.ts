/**
 * The background: one native host for each session of a page, opened with the origin that the browser attests. It
 * decides nothing else; permission and consent are the daemon's.
 *
 * It may be stopped at any time. An open native port keeps it alive in Chromium; where it is stopped all the same, its
 * hosts end with it, the daemon withdraws what they asked, each page hears that its session has ended, and the next
 * message of a page starts it again. Nothing but {@link places} is lost.
 */

import { LOOK_PORT_NAME, PORT_NAME, WEB_EID_PORT_NAME } from "./internal.ts";
import type { ToContent, WebEidToBackground } from "./internal.ts";
import { greet } from "./native.ts";
import { originOf, originsOf } from "./origin.ts";
import type { Origins } from "./origin.ts";
import { Places, STRANGERS } from "./places.ts";
import type { Place } from "./places.ts";
import { refuse, relay } from "./relay.ts";
import { isKnown, isSilent, learn } from "./settings.ts";
import { TrienError } from "../../sdk/src/error.ts";
import { WebEidSession } from "./web-eid/session.ts";

/** How long the daemon has to say whether a page that looks has a permission, in milliseconds. */
const LOOK_MS = 10_000;

const places = new Places();

chrome.runtime.onConnect.addListener((page) => {
  if (page.sender?.id !== chrome.runtime.id) return page.disconnect();
  if (page.name === PORT_NAME) return openSession(page);
  if (page.name === LOOK_PORT_NAME) return void lookFor(page).finally(() => page.disconnect());
  if (page.name === WEB_EID_PORT_NAME) return openWebEid(page);
  page.disconnect();
});

function openSession(page: chrome.runtime.Port): void {
  const origins = originsOf(page.sender);
  if (origins === undefined) return refuse(page, "origin_refused");
  relay(page, origins, seat);
}

/**
 * Acknowledges a page that has a permission; any other hears nothing. What an origin was when it was last seen serves for
 * a page of its own, so that it is told, too, why the daemon cannot be reached now. In a frame both sites must have a
 * permission, and the daemon is asked each time.
 */
async function lookFor(page: chrome.runtime.Port): Promise<void> {
  const origins = originsOf(page.sender);
  if (origins === undefined) return;
  const abort = new AbortController();
  page.onDisconnect.addListener(() => abort.abort());
  const alone = origins.origin === origins.topOrigin;
  const permitted = (alone && (await isKnown(origins.origin))) || (await isPermitted(origins, abort));
  if (permitted && !abort.signal.aborted) page.postMessage({ acknowledged: true } satisfies ToContent);
}

/** Asks the daemon. Whatever keeps it from saying yes is a no. */
async function isPermitted(origins: Origins, abort: AbortController): Promise<boolean> {
  const place = await seat(origins, false);
  if (place === undefined) return false;
  const timer = setTimeout(() => abort.abort(), LOOK_MS);
  try {
    const { conversation, hello } = await greet(origins, false, place, "a page that looks", abort.signal);
    conversation.close();
    const permitted = hello.scopes.length > 0;
    if (permitted) await learn(origins, true);
    return permitted;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}

function openWebEid(page: chrome.runtime.Port): void {
  const origin = originOf(page.sender);
  if (origin === undefined) return page.disconnect();
  const session = new WebEidSession({
    connect: async (active, signal) => {
      const origins = originsOf(page.sender);
      if (origins === undefined) throw TrienError.local("blocked_by_browser", "origin_refused");
      const place = await seat(origins, active);
      if (place === undefined) throw TrienError.local("busy", "too_many");
      try {
        const line = await greet(origins, active, place, "a page of Web eID", signal);
        void learn(origins, line.hello.scopes.length > 0);
        // A permission that is taken back while the line is kept: else the next page would be told that somebody is here.
        line.conversation.onEnd = ({ code }) => {
          if (code === "not_allowed") void learn(origins, false);
        };
        return line;
      } catch (error) {
        if (error instanceof TrienError && error.code === "not_allowed") void learn(origins, false);
        throw error;
      }
    },
    tell: (message) => page.postMessage(message),
    silent: () => isSilent(origin),
    known: () => isKnown(origin),
    version: chrome.runtime.getManifest().version,
  });
  page.onMessage.addListener((message: WebEidToBackground) => void session.hear(message).catch(() => session.close()));
  page.onDisconnect.addListener(() => session.close());
}

/**
 * A place for a host. A page that the person has just done something in pays for itself as well, although nobody knows
 * it: one click is one page, and may be its first use.
 */
async function seat({ origin, topOrigin }: Origins, active: boolean): Promise<Place | undefined> {
  const alone = origin === topOrigin;
  const known = (await isKnown(origin)) && (alone || (await isKnown(topOrigin)));
  return places.take(known || (active && alone) ? topOrigin : STRANGERS);
}
