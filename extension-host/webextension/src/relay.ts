/** A session of a page: its messages and the host's pass through, and nothing is decided here. */

import { MAX_TEXT } from "../../sdk/src/bridge.ts";
import type { CloseReason } from "../../sdk/src/bridge.ts";
import type { ToBackground, ToContent } from "./internal.ts";
import type { Host } from "./native.ts";
import { startHost } from "./native.ts";
import type { Origins } from "./origin.ts";
import type { Place } from "./places.ts";
import { learn } from "./settings.ts";

/** Gives a page a place for a host, if there is one. */
export type Seat = (origins: Origins, active: boolean) => Promise<Place | undefined>;

/** Carries messages between a page's port and a host of its own, from the page's first message on. */
export function relay(page: chrome.runtime.Port, origins: Origins, seat: Seat): void {
  let host: Promise<Host | undefined> | undefined;
  let gone = false;
  let greeted = false;
  const end = (reason: CloseReason) => {
    gone = true;
    refuse(page, reason);
    void host?.then((started) => started?.end());
  };
  const start = async (active: boolean) => {
    const place = await seat(origins, active);
    if (gone) return void place?.leave();
    if (place === undefined) return void end("too_many");
    return startHost(origins, active, place, {
      onMessage: (message) => {
        if (!isNotification(message) && (!greeted || isDismissal(message))) {
          greeted = true;
          if (remember(origins, message)) page.postMessage({ acknowledged: true } satisfies ToContent);
        }
        page.postMessage({ message } satisfies ToContent);
      },
      onEnd: (reason) => {
        gone = true;
        refuse(page, reason);
      },
    });
  };
  page.onDisconnect.addListener(() => {
    gone = true;
    void host?.then((started) => started?.end());
  });
  page.onMessage.addListener((incoming: ToBackground) => {
    if (gone) return;
    if ("open" in incoming) {
      // A place cannot be given where the extension's storage cannot be read.
      host ??= start(incoming.open.active === true).catch(() => void end("host_failed"));
      return;
    }
    const message = parse(incoming.text);
    if (message === undefined || host === undefined) return end("bad_message");
    // In the order in which they came: each waits for the same host.
    void host.then((started) => started?.send(message));
  });
}

/** Tells a page that its session has ended. */
export function refuse(page: chrome.runtime.Port, reason: CloseReason): void {
  page.postMessage({ closed: reason } satisfies ToContent);
  page.disconnect();
}

function isNotification(message: unknown): boolean {
  return (message as { method?: unknown }).method !== undefined;
}

/** Not about one request: the daemon will not talk to this page any more. */
function isDismissal(message: unknown): boolean {
  return (message as { id?: unknown }).id === null;
}

/** The first answer is that to `hello`: it says whether the origin has a permission. */
function remember(origins: Origins, message: unknown): boolean {
  const { result, error } = message as { result?: { scopes?: unknown }; error?: { data?: { code?: unknown } } };
  const permitted = Array.isArray(result?.scopes) && result.scopes.length > 0;
  if (permitted || result !== undefined || error?.data?.code === "not_allowed") void learn(origins, permitted);
  return permitted;
}

/** Native messaging carries JSON values, so the text is parsed here; the host writes it as text again. */
function parse(text: unknown): object | undefined {
  if (typeof text !== "string" || new TextEncoder().encode(text).length > MAX_TEXT) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
