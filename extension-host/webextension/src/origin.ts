/**
 * Which site is at the other end, by the browser's word alone. A page without an origin of its own (sandboxed frame,
 * `about:`, `blob:`, `data:`, `file:`) may ask nothing: the person could not be told who asks.
 */

/** What the browser says about the sender of a message. */
export interface Sender {
  origin?: string | undefined;
  url?: string | undefined;
  frameId?: number | undefined;
  tab?: { url?: string | undefined } | undefined;
}

export interface Origins {
  /** Of the frame that asks. */
  origin: string;
  /** Of the page in the address bar. */
  topOrigin: string;
}

/** `undefined` when the browser does not name both origins, or one of them is none that may ask. */
export function originsOf(sender: Sender | undefined): Origins | undefined {
  if (sender === undefined) return undefined;
  const ofUrl = acceptable(sender.url);
  const origin = sender.origin === undefined ? ofUrl : acceptable(sender.origin);
  // The frame's address and its origin must be one site: a sandboxed frame has the address but not the origin.
  if (origin === undefined || ofUrl !== origin) return undefined;
  const topOrigin = sender.frameId === 0 ? origin : acceptable(sender.tab?.url);
  return topOrigin === undefined ? undefined : { origin, topOrigin };
}

/** Of the frame alone, as far as the browser names it. */
export function originOf(sender: Sender | undefined): string | undefined {
  return acceptable(sender?.origin ?? sender?.url);
}

/** The origin of a URL, if it is `https:`, or `http:` on this computer. */
function acceptable(text: string | undefined): string | undefined {
  if (text === undefined || !URL.canParse(text)) return undefined;
  const { protocol, hostname, origin } = new URL(text);
  const local = hostname === "127.0.0.1" || hostname === "localhost";
  return protocol === "https:" || (protocol === "http:" && local) ? origin : undefined;
}
