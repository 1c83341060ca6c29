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
  | "constructor_refused"
  /** The page itself came over an insecure connection; browsers do not let it near loopback. */
  | "insecure_page";

/** Whether it was the browser, and not the absence of a daemon. */
export async function isBlocked(refusal: Refusal): Promise<boolean> {
  switch (refusal) {
    case "insecure_page":
    case "content_security_policy":
    case "constructor_refused":
      return true;
    case "no_answer":
      return (await permission()) !== "granted" && !isLoopback(location.hostname);
    case "refused":
      return refusedByPermission(await permission());
  }
}

/**
 * A page on loopback needs no permission. On another, `denied` is clear; `prompt` after a failure means in Chromium
 * that the question was dismissed or could not be shown, since an answer would have changed the state. Firefox
 * reports `prompt` without asking it for sockets, so there it says nothing.
 */
function refusedByPermission(state: PermissionState | undefined): boolean {
  if (isLoopback(location.hostname)) return false;
  return state === "denied" || (state === "prompt" && "userAgentData" in navigator);
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
