/** The content script's part of the wire of Web eID: hands requests on, and posts what the background answers. */

import type { WebEidToBackground, WebEidToContent } from "../internal.ts";
import { WEB_EID_PORT_NAME } from "../internal.ts";
import type { Rate } from "../rate.ts";
import type { Action } from "./wire.ts";
import { Failure, readRequest } from "./wire.ts";

let port: chrome.runtime.Port | undefined;

/** Acknowledged, and not answered yet. */
const waiting = new Set<Action>();

export function hearWebEid(data: unknown, rate: Rate): void {
  const request = readRequest(data);
  if (request === undefined || !rate.allows()) return;
  try {
    port ??= open();
    const active = navigator.userActivation?.isActive === true;
    port.postMessage({ request, secure: window.isSecureContext, active } satisfies WebEidToBackground);
  } catch {
    // An orphan after an update of the extension: nobody is here.
    port = undefined;
  }
}

/** The page is left. It may be kept and shown again, and must know by then that nobody answers any more. */
export function leaveWebEid(): void {
  port?.disconnect();
  port = undefined;
  giveUp("the page was left");
}

function open(): chrome.runtime.Port {
  const opened = chrome.runtime.connect({ name: WEB_EID_PORT_NAME });
  opened.onMessage.addListener((message: WebEidToContent) => {
    const [, action, what] = /^web-eid:(.+)-(ack|success|failure)$/.exec(message.action) ?? [];
    if (what === "ack") waiting.add(action as Action);
    else waiting.delete(action as Action);
    post(message);
  });
  opened.onDisconnect.addListener(() => {
    if (port === opened) port = undefined;
    giveUp("the extension was stopped");
  });
  return opened;
}

/** Nothing that was acknowledged will be answered. */
function giveUp(why: string): void {
  for (const action of waiting) post(new Failure("NATIVE_UNAVAILABLE", why).of(action));
  waiting.clear();
}

function post(message: object): void {
  window.postMessage(message, window.location.origin);
}
