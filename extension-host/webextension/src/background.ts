/**
 * The background: one native host for each session of a page. It opens the conversation with the origin that the
 * browser attests, and passes messages on. It decides nothing else; permission and consent are the daemon's.
 */

import { MAX_TEXT } from "../../sdk/src/bridge.ts";
import type { CloseReason } from "../../sdk/src/bridge.ts";
import { NATIVE_HOST_NAME } from "../../sdk/src/protocol.ts";
import { reasonOf, statusOf } from "./host.ts";
import type { ToBackground, ToContent } from "./internal.ts";
import { PORT_NAME } from "./internal.ts";
import type { Origins } from "./origin.ts";
import { originsOf } from "./origin.ts";
import { Rate } from "./rate.ts";

/** Starting a host is starting a process; a site may start a few at once and then one every two seconds. */
const STARTS = { burst: 8, perSecond: 0.5 };

/** By origin. Forgotten when they are as good as new. */
const starts = new Map<string, Rate>();

chrome.runtime.onConnect.addListener((page) => {
  if (page.name !== PORT_NAME || page.sender?.id !== chrome.runtime.id) return page.disconnect();
  const origins = originsOf(page.sender);
  if (origins === undefined) return refuse(page, "origin_refused");
  if (!mayStart(origins.origin)) return refuse(page, "too_many");
  relay(page, origins);
});

function mayStart(origin: string): boolean {
  for (const [known, rate] of starts) {
    if (known !== origin && rate.isFresh()) starts.delete(known);
  }
  const rate = starts.get(origin) ?? new Rate(STARTS.burst, STARTS.perSecond);
  starts.set(origin, rate);
  return rate.allows();
}

function relay(page: chrome.runtime.Port, { origin, topOrigin }: Origins): void {
  const host = chrome.runtime.connectNative(NATIVE_HOST_NAME);
  let open = true;
  const end = (reason: CloseReason) => {
    if (!open) return;
    open = false;
    refuse(page, reason);
    host.disconnect();
  };
  host.onMessage.addListener((message: unknown) => {
    const status = statusOf(message);
    if (status !== undefined) end(status);
    else if (open) page.postMessage({ message } satisfies ToContent);
  });
  host.onDisconnect.addListener((port) => end(reasonOf(sentenceOf(port))));
  page.onDisconnect.addListener(() => {
    open = false;
    host.disconnect();
  });
  page.onMessage.addListener((incoming: ToBackground) => {
    const message = parse(incoming.text);
    if (message === undefined) end("bad_message");
    else if (open) host.postMessage(message);
  });
  host.postMessage({ from: "extension", origin, top_origin: topOrigin });
}

/** Native messaging carries JSON values, so the text is parsed here; the host writes it as text again. */
function parse(text: string): object | undefined {
  if (new TextEncoder().encode(text).length > MAX_TEXT) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function refuse(page: chrome.runtime.Port, reason: CloseReason): void {
  page.postMessage({ closed: reason } satisfies ToContent);
  page.disconnect();
}

/** Chromium puts it into `lastError`, Firefox into the port. */
function sentenceOf(port: chrome.runtime.Port): string | undefined {
  const inPort = (port as { error?: { message?: string } | null }).error?.message;
  return inPort ?? chrome.runtime.lastError?.message;
}
