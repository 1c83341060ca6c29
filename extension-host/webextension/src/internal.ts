/** What the content script and the background say to each other over a runtime port. */

import type { CloseReason } from "../../sdk/src/bridge.ts";

/** Names the port; the background listens to no other. */
export const PORT_NAME = "trien";

/** From the content script: one JSON-RPC message. */
export interface ToBackground {
  text: string;
}

/** From the background; after `closed` it disconnects. */
export type ToContent = { message: unknown } | { closed: CloseReason };
