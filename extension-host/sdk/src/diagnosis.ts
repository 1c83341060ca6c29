/**
 * Why a WebSocket to this computer failed. Browsers tell a page almost nothing, so that it cannot look around on the
 * computer; what can be learned comes from the permission "loopback-network" (Local Network Access, WICG), from the
 * page's own Content Security Policy, and from the way in which the socket failed.
 */

/** How a socket failed. */
export type Refusal =
  /** Closed before it was open: nobody listens, or the browser stands in between. */
  | "refused"
  /** Neither open nor closed in time; perhaps the browser's question was not answered. */
  | "no_answer"
  /** The page's Content Security Policy does not have the address in `connect-src`. */
  | "content_security_policy"
  /** The constructor threw: in Firefox, a Content Security Policy. */
  | "constructor_refused";

/** What of the browser stands in between; each has its remedy in the messages. */
export type Obstacle =
  /** The person, or an administrator, has said no to the browser's question, or has not answered it. */
  | "permission"
  /** A page of another site is around this frame, or does not pass the permission on to it. */
  | "frame"
  /** The browser would ask the person, who has not done anything in this page yet. */
  | "click"
  /** The page's own Content Security Policy. */
  | "policy"
  /** The page is not secure. */
  | "insecure";

/**
 * What would keep a socket from opening, before one is tried. A socket makes the browser ask a question in which the
 * person sees no reason unless he has just asked for something; so without a click there is none.
 */
export async function foresee(): Promise<Obstacle | undefined> {
  if (!window.isSecureContext) return "insecure";
  if (isLoopback(location.hostname)) return undefined;
  const state = await permission();
  if (state === "denied") return denied();
  return state === "prompt" && navigator.userActivation?.hasBeenActive === false ? "click" : undefined;
}

/** Whether it was the browser, and not the absence of a daemon. */
export async function obstacleOf(refusal: Refusal): Promise<Obstacle | undefined> {
  switch (refusal) {
    case "content_security_policy":
    case "constructor_refused":
      return "policy";
    case "no_answer":
      return (await permission()) !== "granted" && !isLoopback(location.hostname) ? "permission" : undefined;
    case "refused":
      return refusedByPermission(await permission());
  }
}

/**
 * A page on loopback needs no permission. On another, `denied` is clear; `prompt` after a failure means in Chromium
 * that the question was dismissed or could not be shown, since an answer would have changed the state. Firefox
 * reports `prompt` without asking it for sockets, so there it says nothing.
 */
function refusedByPermission(state: PermissionState | undefined): Obstacle | undefined {
  if (isLoopback(location.hostname)) return undefined;
  if (state === "denied") return denied();
  return state === "prompt" && "userAgentData" in navigator ? "permission" : undefined;
}

/** By the specification a frame of another site is denied until the page around it says `allow="loopback-network"`. */
function denied(): Obstacle {
  return window.parent !== undefined && window.parent !== window ? "frame" : "permission";
}

/**
 * Whether a page of another site is around this one. The daemon hears of a socket's own page alone, so that its window could not
 * name the one in whose address bar the person is.
 */
export function isFramedElsewhere(): boolean {
  try {
    for (let frame: Window = window; frame !== frame.parent; frame = frame.parent) {
      if (frame.parent.origin !== window.origin) return true;
    }
    return false;
  } catch {
    // Another site's window tells nothing.
    return true;
  }
}

/** The newer name of the permission first; `undefined` where the browser knows neither. */
async function permission(): Promise<PermissionState | undefined> {
  for (const name of ["loopback-network", "local-network-access"]) {
    try {
      return (await navigator.permissions.query({ name: name as PermissionName })).state;
    } catch {
      continue;
    }
  }
  return undefined;
}

/** Whether a URL's host is this computer (Secure Contexts, section 3.1). */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost") || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}
