/** Which road to take, and what to tell the person when there is none. */

import type { CloseReason } from "./bridge.ts";
import { Conversation } from "./conversation.ts";
import { TrienError } from "./error.ts";
import { explainEnd, openExtension } from "./extension-road.ts";
import type { HelloReply } from "./protocol.ts";
import { DEFAULT_PORT, PROTOCOL_VERSION } from "./protocol.ts";
import type { Attempt, Road, RoadName } from "./road.ts";
import { bounded } from "./road.ts";
import { openWebSocket } from "./websocket-road.ts";

export const SDK_VERSION = "0.1.0";

/** What this library can make use of. */
export const CAPABILITIES: readonly string[] = ["authenticate", "content", "hash", "idempotency", "level", "manifest"];

/** How long to look for an extension while there is another road to try; after a click it answers within a few milliseconds. */
const LOOK_MS = 1000;

/** How long to look for it when it is the only road. */
const LOOK_LONGER_MS = 3000;

/** How many times as long where the person has not just clicked: then the extension may have to ask the daemon first. */
const UNCLICKED = 2;

/** Most `timeoutMs` that makes sense, in milliseconds: the browser's question may wait for the person. */
const DEFAULT_TIMEOUT_MS = 30_000;

/** How long the person may take to say whether a site may ask, in milliseconds; the daemon's own bound is shorter. */
const PERMISSION_MS = 600_000;

export interface ConnectOptions {
  /** Name and version of the page's program, for the daemon's log. */
  client?: string;
  /** Of the WebSocket; 47470 if absent. */
  port?: number;
  /**
   * Connects over the WebSocket also in a frame of another site's page, which Triện's window does not name then. Only for a portal
   * whose `frame-ancestors` says whose pages may be around it.
   */
  framed?: boolean;
  /** Roads to try, in order. */
  roads?: readonly RoadName[];
  /** The person is asked, in Triện's own window, whether this site may use Triện; it takes as long as it takes. */
  onAsking?: () => void;
  /** For each road, in milliseconds; includes the time the person takes to answer the browser's question. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

export interface Connection {
  conversation: Conversation;
  hello: HelloReply;
}

/** A road that leads nowhere. */
interface DeadEnd {
  road: RoadName;
  error: TrienError;
}

/** Tries the roads in order. With `quiet`, a site without a permission is refused, and nobody asked. Throws {@link TrienError}. */
export async function connect(options: ConnectOptions, quiet = false): Promise<Connection> {
  const { signal, roads = ["extension", "websocket"] } = options;
  if (typeof window === "undefined") throw TrienError.local("blocked_by_browser", "a worker: connect in the page");
  const deadEnds: DeadEnd[] = [];
  for (const road of roads) {
    try {
      return await travel(road, roads.length === 1, options, quiet);
    } catch (thrown) {
      if (signal?.aborted) throw TrienError.local("cancelled");
      if (!(thrown instanceof TrienError)) throw thrown;
      // The daemon itself answered; another road leads to the same daemon.
      if (weight(thrown) === 0) throw thrown;
      deadEnds.push({ road, error: thrown });
    }
  }
  throw mostTelling(deadEnds);
}

async function travel(road: RoadName, only: boolean, options: ConnectOptions, quiet: boolean): Promise<Connection> {
  const attempt = { timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS, signal: options.signal };
  if (attempt.signal?.aborted) throw TrienError.local("cancelled");
  if (road === "websocket") {
    const socket = await openWebSocket(options.port ?? DEFAULT_PORT, options.framed === true, attempt);
    return greet(socket, (reason) => TrienError.local("closed", reason), options, attempt);
  }
  const patience = (only ? LOOK_LONGER_MS : LOOK_MS) * (navigator.userActivation?.isActive === false ? UNCLICKED : 1);
  const look = { ...attempt, timeoutMs: Math.min(attempt.timeoutMs, patience) };
  const extension = await openExtension(look, quiet);
  if (extension === undefined) throw TrienError.local("not_installed", NO_EXTENSION);
  return greet(extension, explainEnd, options, attempt);
}

async function greet(
  road: Road,
  explain: (reason: string) => TrienError,
  { client, onAsking }: ConnectOptions,
  attempt: Attempt,
): Promise<Connection> {
  const conversation = new Conversation(road, explain);
  const params = { versions: [PROTOCOL_VERSION], capabilities: CAPABILITIES, client: [`@trien/sdk ${SDK_VERSION}`, client].filter(Boolean).join("; ") };
  try {
    const asking = new Promise<"asking">((resolve) => (conversation.onAsking = () => resolve("asking")));
    const hello = conversation.request<HelloReply>("hello", params);
    let reply = await bounded(Promise.race([hello, asking]), attempt);
    if (reply === "asking") {
      onAsking?.();
      reply = await bounded(hello, { ...attempt, timeoutMs: PERMISSION_MS });
    }
    attempt.signal?.throwIfAborted();
    if (reply === undefined) throw TrienError.local("timed_out", "hello");
    return { conversation, hello: checked(reply.result) };
  } catch (failure) {
    conversation.close();
    throw failure;
  }
}

/** The limits decide how much memory this page uses, so they are looked at. */
function checked(hello: HelloReply): HelloReply {
  const positive = (value: unknown) => Number.isSafeInteger(value) && (value as number) > 0;
  if (hello?.version !== PROTOCOL_VERSION) throw TrienError.local("outdated", "hello");
  if (!positive(hello.max_chunk) || !positive(hello.max_document)) throw TrienError.local("internal", "hello");
  return hello;
}

const NO_EXTENSION = "no extension";

/** How much an error says about the computer; errors that are not here come from the daemon itself. */
const WEIGHT: Partial<Record<TrienError["code"], number>> = {
  outdated: 5,
  not_running: 4,
  // A missing host manifest is certain, so it says more than a browser that stands in between.
  not_installed: 3,
  blocked_by_browser: 2,
  closed: 1,
};

/** The extension's own word that it takes no more sessions of this page; another road may. */
const CROWDED: CloseReason = "too_many_sessions";

/** How much an error of a road says; nothing where it comes from the daemon itself. */
function weight({ code, detail }: TrienError): number {
  return detail === CROWDED ? 6 : (WEIGHT[code] ?? 0);
}

/** With an extension in place somebody has installed Triện, so a socket that nobody listens on means "not running". */
function mostTelling(deadEnds: DeadEnd[]): TrienError {
  const extension = deadEnds.find(({ road }) => road === "extension");
  const certain = deadEnds.filter(({ road, error }) =>
    road === "websocket" ? error.code !== "not_installed" : error.detail !== NO_EXTENSION,
  );
  const [first] = certain.sort((a, b) => weight(b.error) - weight(a.error));
  const detail = deadEnds.map(({ road, error }) => `${road}: ${error.detail ?? error.code}`).join("; ");
  const refused = deadEnds.some(({ road, error }) => road === "websocket" && error.code === "not_installed");
  if (first?.error.code === "closed" && refused && extension !== undefined) return TrienError.local("not_running", detail);
  const error = first?.error ?? TrienError.local("not_installed");
  return new TrienError(error.code, error.text, error.remedy, detail, error.retry);
}
