/** The native host, seen from the extension. */

import type { CloseReason } from "../../sdk/src/bridge.ts";
import { Conversation } from "../../sdk/src/conversation.ts";
import { explainEnd } from "../../sdk/src/extension-road.ts";
import { TrienError } from "../../sdk/src/error.ts";
import type { HelloReply } from "../../sdk/src/protocol.ts";
import { NATIVE_HOST_NAME, PROTOCOL_VERSION } from "../../sdk/src/protocol.ts";
import type { Road } from "../../sdk/src/road.ts";
import { reasonOf, statusOf } from "./host.ts";
import type { Origins } from "./origin.ts";
import type { Place } from "./places.ts";

/** What becomes of a host. */
export interface HostEvents {
  onMessage(message: unknown): void;
  /** Once, unless it was ended from here. */
  onEnd(reason: CloseReason): void;
}

/** A running host that has been told for which page it runs. */
export interface Host {
  send(message: object): void;
  end(): void;
}

/** Starts a host for a page, in a place that it leaves at its end. `active` says that the person has just done something there. */
export function startHost({ origin, topOrigin }: Origins, active: boolean, place: Place, events: HostEvents): Host {
  const port = chrome.runtime.connectNative(NATIVE_HOST_NAME);
  let open = true;
  const end = (reason?: CloseReason) => {
    if (!open) return;
    open = false;
    place.leave();
    port.disconnect();
    if (reason !== undefined) events.onEnd(reason);
  };
  port.onMessage.addListener((message: unknown) => {
    const status = statusOf(message);
    if (status !== undefined) end(status);
    else if (open) events.onMessage(message);
  });
  port.onDisconnect.addListener(() => end(reasonOf(sentenceOf(port))));
  port.postMessage({ from: "extension", origin, top_origin: topOrigin, user_activation: active });
  return {
    send: (message) => {
      if (open) port.postMessage(message);
    },
    end: () => end(),
  };
}

/** A road from the extension itself: for requests that it makes on a page's behalf. */
export class HostRoad implements Road {
  readonly name = "extension";
  readonly binary = false;
  onMessage: Road["onMessage"] = () => {};
  onClose: Road["onClose"] = () => {};
  readonly #host: Host;

  constructor(origins: Origins, active: boolean, place: Place) {
    this.#host = startHost(origins, active, place, {
      onMessage: (message) => this.onMessage(message),
      onEnd: (reason) => this.onClose(reason),
    });
  }

  send(message: object): void {
    this.#host.send(message);
  }

  close(): void {
    this.#host.end();
  }
}

/** Says hello on a page's behalf; the signal ends the host before that. Throws `TrienError`. */
export async function greet(
  origins: Origins,
  active: boolean,
  place: Place,
  client: string,
  signal?: AbortSignal,
): Promise<{ conversation: Conversation; hello: HelloReply }> {
  if (signal?.aborted) {
    place.leave();
    throw TrienError.local("cancelled");
  }
  const conversation = new Conversation(new HostRoad(origins, active, place), explainEnd);
  signal?.addEventListener("abort", () => conversation.close(), { once: true });
  const params = { versions: [PROTOCOL_VERSION], capabilities: ["authenticate"], client };
  try {
    const { result: hello } = await conversation.request<HelloReply>("hello", params);
    if (hello?.version !== PROTOCOL_VERSION || !Array.isArray(hello.scopes)) throw TrienError.local("outdated", "hello");
    return { conversation, hello };
  } catch (error) {
    conversation.close();
    throw error;
  }
}

/** Chromium puts it into `lastError`, Firefox into the port. */
function sentenceOf(port: chrome.runtime.Port): string | undefined {
  const inPort = (port as { error?: { message?: string } | null }).error?.message;
  return inPort ?? chrome.runtime.lastError?.message;
}
