/** What the browsers say about the native host. They say it in English sentences, with no codes. */

import type { CloseReason } from "../../sdk/src/bridge.ts";

/** Why a native port closed, by the browser's sentence; Firefox has none when a host exits. */
export function reasonOf(sentence: string | undefined): CloseReason {
  const text = sentence?.toLowerCase() ?? "";
  if (text === "" || text.includes("has exited")) return "host_exited";
  if (/not found|no such native application|does not exist/.test(text)) return "host_missing";
  if (/forbidden|does not have permission|disabled by the system/.test(text)) return "host_forbidden";
  return "host_failed";
}

/** What the host says of itself before it ends. Messages of the daemon are JSON-RPC and have no such field. */
export function statusOf(message: unknown): CloseReason | undefined {
  const status = (message as { trien_host?: unknown } | null)?.trien_host;
  return status === "daemon_not_running" || status === "daemon_untrusted" ? status : undefined;
}
