/**
 * One page that speaks the wire of Web eID: its requests become requests of our own protocol. Nothing is answered, not
 * even that somebody is here, unless the daemon says that the page's origin has a permission.
 */

import type { Conversation } from "../../../sdk/src/conversation.ts";
import { TrienError } from "../../../sdk/src/error.ts";
import type { AuthenticationToken, Certificate, DigestSignature, HelloReply } from "../../../sdk/src/protocol.ts";
import type { WebEidToBackground } from "../internal.ts";
import type { Action, CheckedRequest, WebEidRequest } from "./wire.ts";
import { Failure, WIRE_VERSION, check, failureOf } from "./wire.ts";

/** How long a host without a request is kept, in milliseconds: from a certificate to the digest signed with it. */
const IDLE_MS = 10 * 60_000;

/**
 * The page library takes silence of a second for nobody. A cold daemon on a busy machine may need longer, so an origin
 * that had a permission when it was last seen is told by then, in milliseconds, that somebody is here.
 */
const ACKNOWLEDGE_MS = 700;

/** What the daemon says to an origin that it does not talk to. */
const REFUSALS: readonly string[] = ["not_allowed", "user_muted"];

const TIME_IS_UP = new Failure("USER_TIMEOUT", "the person did not answer in time");

/** A greeted connection to the daemon. */
export interface Line {
  conversation: Conversation;
  hello: HelloReply;
}

/** What a session needs of the world around it. */
export interface World {
  /** Connects to the daemon for this page and says hello; the signal ends both, and the question that hello may wait for. */
  connect(active: boolean, signal: AbortSignal): Promise<Line>;
  /** Tells the page. */
  tell(message: { action: string }): void;
  /** Whether the person or the administrator wants no answers at this origin. */
  silent(): Promise<boolean>;
  /** Whether the origin had a permission when it was last seen. */
  known(): Promise<boolean>;
  /** Our own version. */
  version: string;
}

export class WebEidSession {
  readonly #world: World;
  readonly #pending = new Set<Action>();
  #line: Promise<Line> | undefined;
  /** Ends what is being connected to, with the question whether the person wants this site. */
  #dialling = new AbortController();
  /** Requests that wait for the line. */
  #waiting = 0;
  /** Whether the person may be asked about the site by the line that is kept. */
  #asking = false;
  #idle: ReturnType<typeof setTimeout> | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  async hear({ request, secure, active }: WebEidToBackground): Promise<void> {
    const { action } = request;
    let acknowledged = false;
    const acknowledge = () => {
      if (!acknowledged) this.#world.tell({ action: `web-eid:${action}-ack` });
      acknowledged = true;
    };
    if (await this.#world.silent()) return;
    // Whether somebody is here may be asked at any time; for that the person is not.
    const clicked = secure && active;
    const asked = clicked && action !== "status";
    const greeted = clicked && action === "status";
    if (greeted && !(await this.#world.known())) return this.#greet(request, acknowledge);
    // A click is a click: a page that was clicked in may learn that somebody is here. It gives up after a second, and the
    // person may first have to be asked whether he wants this site at all.
    if (asked) acknowledge();
    const checked = check(request);
    const time = new Time(checked instanceof Failure ? undefined : checked.timeoutMs);
    try {
      const finding = secure ? this.#findInTime(asked, time) : Promise.resolve(new Failure("CONTEXT_INSECURE", "the page is no secure context"));
      const early = asked || (await this.#isLateAndKnown(finding));
      if (early) acknowledge();
      const found = (await finding) ?? (early ? this.#refusal(asked) : undefined);
      if (found === undefined && greeted) return this.#greet(request, acknowledge);
      if (found === undefined || (found instanceof Failure && !early && !(await this.#world.known()))) return;
      acknowledge();
      const answer = found instanceof Failure ? found : await this.#answer(action, checked, found, time);
      this.#world.tell(answer instanceof Failure ? answer.of(action) : { action: `web-eid:${action}-success`, ...answer });
    } finally {
      time.end();
      this.#rest();
    }
  }

  /**
   * A stranger that was clicked in learns that somebody is here, as by any other request at a click, and nothing more: a
   * portal whose button asks for the status first could never be used the first time. Nobody is asked for it.
   */
  #greet(request: WebEidRequest, acknowledge: () => void): void {
    const { action } = request;
    acknowledge();
    const checked = check(request);
    if (checked instanceof Failure) return this.#world.tell(checked.of(action));
    const versions = { library: checked.libraryVersion, extension: WIRE_VERSION, nativeApp: WIRE_VERSION };
    this.#world.tell({ action: `web-eid:${action}-success`, ...versions });
  }

  /** The page has gone: so must its questions. */
  close(): void {
    clearTimeout(this.#idle);
    this.#dialling.abort();
    this.#line?.then(({ conversation }) => conversation.close(), () => {});
    this.#line = undefined;
  }

  /** Why an origin that knows of us is not served. */
  #refusal(asked: boolean): Failure {
    return asked ? new Failure("USER_CANCELLED", "this site has no permission") : new Failure("NATIVE_UNAVAILABLE", "the permission has been taken back");
  }

  /** Whether the page would give up before the daemon is found, and may know that somebody is here. */
  async #isLateAndKnown(finding: Promise<unknown>): Promise<boolean> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(this.#world.known()), ACKNOWLEDGE_MS)));
    const early = await Promise.race([finding.then(() => false), late]);
    clearTimeout(timer);
    return early;
  }

  /** As {@link find}, as long as the request has time: the last one that waits takes the question with it. */
  async #findInTime(active: boolean, time: Time): Promise<Line | Failure | undefined> {
    this.#waiting += 1;
    try {
      return await Promise.race([this.#find(active), time.isUp]);
    } finally {
      this.#waiting -= 1;
      if (time.signal.aborted && this.#waiting === 0) this.#dialling.abort();
    }
  }

  /** A line to the daemon; why there is none; `undefined` when the origin has no permission. */
  async #find(active: boolean): Promise<Line | Failure | undefined> {
    clearTimeout(this.#idle);
    const kept = this.#line;
    // One that was made without the person may have been refused for that alone.
    const quiet = kept !== undefined && !this.#asking;
    const line = await this.#dial(active);
    if (line === undefined && active && quiet) return this.#dial(active);
    if (kept === undefined || line === undefined || line instanceof Failure || !line.conversation.ended) return line;
    // The daemon ended the line that was kept, for instance because a permission was changed.
    this.#drop(kept);
    return this.#dial(active);
  }

  async #dial(active: boolean): Promise<Line | Failure | undefined> {
    if (this.#line === undefined) {
      this.#asking = active;
      this.#dialling = new AbortController();
    }
    const dialled = (this.#line ??= this.#world.connect(active, this.#dialling.signal));
    try {
      const line = await dialled;
      if (line.hello.scopes.length > 0) return line;
      line.conversation.close();
      this.#drop(dialled);
      return undefined;
    } catch (error) {
      this.#drop(dialled);
      return error instanceof TrienError && REFUSALS.includes(error.code) ? undefined : asFailure(error);
    }
  }

  /** Another may have been made meanwhile. */
  #drop(line: Promise<Line>): void {
    if (this.#line === line) this.#line = undefined;
  }

  /** Whatever became of a request: a line that nobody uses any more is not kept for long. */
  #rest(): void {
    clearTimeout(this.#idle);
    const isUsed = this.#pending.size > 0 || this.#waiting > 0;
    if (this.#line !== undefined && !isUsed) this.#idle = setTimeout(() => this.close(), IDLE_MS);
  }

  async #answer(action: Action, checked: CheckedRequest | Failure, { conversation }: Line, time: Time): Promise<object | Failure> {
    if (this.#pending.has(action)) return new Failure("ACTION_PENDING", `${action} has not been answered yet`);
    if (checked instanceof Failure) return checked;
    this.#pending.add(action);
    try {
      return await this.#do(action, checked, conversation, time.signal);
    } catch (error) {
      return time.signal.aborted ? TIME_IS_UP : asFailure(error);
    } finally {
      this.#pending.delete(action);
    }
  }

  async #do(action: Action, request: CheckedRequest, conversation: Conversation, signal: AbortSignal): Promise<object> {
    const version = `${WIRE_VERSION}+trien.${this.#world.version}`;
    switch (action) {
      case "status":
        return { library: request.libraryVersion, extension: version, nativeApp: version };
      case "authenticate": {
        const params = { nonce: request.fields.challengeNonce };
        const { result } = await conversation.request<AuthenticationToken>("authenticate", params, { signal });
        const { unverifiedCertificate, algorithm, signature, format, appVersion } = result;
        return { unverifiedCertificate, algorithm, signature, format, appVersion };
      }
      case "get-signing-certificate": {
        const { result } = await conversation.request<Certificate>("certificates", {}, { signal });
        return { certificate: result.certificate, supportedSignatureAlgorithms: result.supported_algorithms };
      }
      case "sign":
        return sign(request.fields, conversation, signal);
    }
  }
}

/** What the person has for one request, from the page's message on: it may first be asked whether he wants the site. */
class Time {
  readonly #abort = new AbortController();
  readonly #timer: ReturnType<typeof setTimeout> | undefined;
  readonly signal = this.#abort.signal;
  readonly isUp = new Promise<Failure>((resolve) => this.signal.addEventListener("abort", () => resolve(TIME_IS_UP), { once: true }));

  /** In milliseconds; a request that is answered without the person has no end. */
  constructor(milliseconds: number | undefined) {
    if (milliseconds !== undefined) this.#timer = setTimeout(() => this.#abort.abort(), milliseconds);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

/** A certificate that was picked on an earlier connection is picked once more: it must be the same one. */
async function sign(fields: Record<string, string>, conversation: Conversation, signal: AbortSignal): Promise<object> {
  const { certificate = "", hash: digest, hashFunction: hash } = fields;
  const params = { certificate: await nameOf(certificate), hash, digest };
  const ask = () => conversation.request<DigestSignature>("sign_digest", params, { signal });
  const { result } = await ask().catch(async (error: unknown) => {
    if (!(error instanceof TrienError) || error.code !== "certificate_not_found") throw error;
    const { result: picked } = await conversation.request<Certificate>("certificates", {}, { signal });
    if (picked.sha256 !== params.certificate) throw error;
    return ask();
  });
  return { signature: result.raw_signature, signatureAlgorithm: result.signature_algorithm };
}

/** How the daemon names a certificate. */
async function nameOf(certificate: string): Promise<string> {
  const der = Uint8Array.from(decode(certificate), (letter) => letter.charCodeAt(0));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", der));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function decode(base64: string): string {
  try {
    return atob(base64);
  } catch {
    throw new Failure("NATIVE_INVALID_ARGUMENT", "certificate is not base64");
  }
}

function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof TrienError) return failureOf(error.code, error.text.en);
  return new Failure("UNKNOWN_ERROR", String(error));
}
