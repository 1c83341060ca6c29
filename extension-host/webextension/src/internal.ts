/** What the content script and the background say to each other over runtime ports. */

import type { CloseReason } from "../../sdk/src/bridge.ts";
import type { WebEidRequest } from "./web-eid/wire.ts";

/** Names the port of a session of our own protocol. */
export const PORT_NAME = "trien";

/** Names the port of a page that asks whether somebody is here; to connect is to ask. */
export const LOOK_PORT_NAME = "trien-look";

/** Names the port of a page that speaks the wire of Web eID; one a page. */
export const WEB_EID_PORT_NAME = "trien-web-eid";

/** What the browser says about the person's last click or key in the page; a page cannot make it up. */
export interface Activation {
  active: boolean;
}

/** From the content script: first that the session begins, then JSON-RPC messages. */
export type ToBackground = { open: Activation } | { text: string };

/**
 * From the background; after `closed` it disconnects. `acknowledged`: the daemon says that the page has a permission, or
 * said so when it was last asked; before that the page hears nothing.
 */
export type ToContent = { acknowledged: true } | { message: unknown } | { closed: CloseReason };

/** From the content script: one request of a page of Web eID. */
export interface WebEidToBackground extends Activation {
  request: WebEidRequest;
  /** Whether the page is a secure context. */
  secure: boolean;
}

/** From the background: what the page is told, as it stands. */
export interface WebEidToContent {
  action: string;
}
