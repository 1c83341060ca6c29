/** A session of a page: its messages and the host's pass through, and nothing is decided here. */

import { MAX_TEXT } from "../../sdk/src/bridge.ts";
import type { CloseReason } from "../../sdk/src/bridge.ts";
import type { ToBackground, ToContent } from "./internal.ts";
import type { Host } from "./native.ts";
import { startHost } from "./native.ts";
import type { Origins } from "./origin.ts";
import { know } from "./settings.ts";

/** Carries messages between a page's port and a host of its own, from the page's first message on. */
export function relay(page: chrome.runtime.Port, origins: Origins): void {
  let host: Host | undefined;
  let greeted = false;
  const end = (reason: CloseReason) => {
    refuse(page, reason);
    host?.end();
  };
  page.onDisconnect.addListener(() => host?.end());
  page.onMessage.addListener((incoming: ToBackground) => {
    if ("open" in incoming) {
      host ??= startHost(origins, incoming.open.active === true, {
        onMessage: (message) => {
          if (!isNotification(message) && (!greeted || isDismissal(message))) {
            greeted = true;
            if (remember(origins, message)) page.postMessage({ acknowledged: true } satisfies ToContent);
          }
          page.postMessage({ message } satisfies ToContent);
        },
        onEnd: (reason) => refuse(page, reason),
      });
      return;
    }
    const message = parse(incoming.text);
    if (message === undefined || host === undefined) end("bad_message");
    else host.send(message);
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

/**
 * The first answer is that to `hello`: it says whether the origin has a permission. A refusal in a frame may be about the
 * page around it, so nothing is forgotten then.
 */
function remember({ origin, topOrigin }: Origins, message: unknown): boolean {
  const { result, error } = message as { result?: { scopes?: unknown }; error?: { data?: { code?: unknown } } };
  const permitted = Array.isArray(result?.scopes) && result.scopes.length > 0;
  if (permitted) void know(origin, true);
  else if (origin === topOrigin && (result !== undefined || error?.data?.code === "not_allowed")) void know(origin, false);
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
