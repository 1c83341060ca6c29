/**
 * The background: one native host for each session of a page, opened with the origin that the browser attests. It
 * decides nothing else; permission and consent are the daemon's.
 *
 * It may be stopped at any time. An open native port keeps it alive in Chromium; where it is stopped all the same, its
 * hosts end with it, the daemon withdraws what they asked, each page hears that its session has ended, and the next
 * message of a page starts it again. Nothing but {@link starts} is lost.
 */

import { PORT_NAME, WEB_EID_PORT_NAME } from "./internal.ts";
import type { WebEidToBackground } from "./internal.ts";
import { greet } from "./native.ts";
import { originOf, originsOf } from "./origin.ts";
import { Rate } from "./rate.ts";
import { refuse, relay } from "./relay.ts";
import { isSilent, know, knownOrigins } from "./settings.ts";
import { TrienError } from "../../sdk/src/error.ts";
import { WebEidSession } from "./web-eid/session.ts";

/** Starting a host is starting a process; a site may start a few at once and then one every two seconds. */
const STARTS = { burst: 8, perSecond: 0.5 };

/** By origin. Forgotten when they are as good as new. */
const starts = new Map<string, Rate>();

chrome.runtime.onConnect.addListener((page) => {
  if (page.sender?.id !== chrome.runtime.id) return page.disconnect();
  if (page.name === PORT_NAME) return openSession(page);
  if (page.name === WEB_EID_PORT_NAME) return openWebEid(page);
  page.disconnect();
});

function openSession(page: chrome.runtime.Port): void {
  const origins = originsOf(page.sender);
  if (origins === undefined) return refuse(page, "origin_refused");
  if (!mayStart(origins.origin)) return refuse(page, "too_many");
  relay(page, origins);
}

function openWebEid(page: chrome.runtime.Port): void {
  const origin = originOf(page.sender);
  if (origin === undefined) return page.disconnect();
  const session = new WebEidSession({
    connect: async (active) => {
      const origins = originsOf(page.sender);
      if (origins === undefined) throw TrienError.local("blocked_by_browser", "origin_refused");
      if (!mayStart(origin)) throw TrienError.local("busy", "too_many");
      try {
        const line = await greet(origins, active, "a page of Web eID");
        void know(origin, line.hello.scopes.length > 0);
        return line;
      } catch (error) {
        if (error instanceof TrienError && error.code === "not_allowed") void know(origin, false);
        throw error;
      }
    },
    tell: (message) => page.postMessage(message),
    silent: () => isSilent(origin),
    known: async () => (await knownOrigins()).includes(origin),
    version: chrome.runtime.getManifest().version,
  });
  page.onMessage.addListener((message: WebEidToBackground) => void session.hear(message).catch(() => session.close()));
  page.onDisconnect.addListener(() => session.close());
}

function mayStart(origin: string): boolean {
  for (const [known, rate] of starts) {
    if (known !== origin && rate.isFresh()) starts.delete(known);
  }
  const rate = starts.get(origin) ?? new Rate(STARTS.burst, STARTS.perSecond);
  starts.set(origin, rate);
  return rate.allows();
}
