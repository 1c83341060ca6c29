/** Replies that a page may ask for again by its idempotency key, on whatever connection. */

import { Refusal } from "./refusal.ts";

/** How long a reply is remembered, in milliseconds. */
const MEMORY_MS = 600_000;

/** From where on a request goes to its end, whether or not the page still listens. */
export class Commitment {
  #state: "open" | "committed" | "left" = "open";
  #reject: (refusal: Refusal) => void = () => {};
  /** Rejects when the page takes the request back. */
  readonly left = new Promise<never>((_, reject) => (this.#reject = reject));
  /** Hears of it at once. */
  onLeave: () => void = () => {};

  constructor() {
    this.left.catch(() => {});
  }

  get isLeft(): boolean {
    return this.#state === "left";
  }

  get isCommitted(): boolean {
    return this.#state === "committed";
  }

  /** Before anybody is told that something was signed. */
  commit(): void {
    if (this.isLeft) throw new Refusal("cancelled");
    this.#state = "committed";
  }

  /** False if it is too late. */
  leave(): boolean {
    if (this.#state !== "open") return false;
    this.#state = "left";
    this.onLeave();
    this.#reject(new Refusal("cancelled"));
    return true;
  }
}

/** A reply, and the documents that it speaks of. */
export interface Answer {
  result: object;
  documents: Map<string, Uint8Array<ArrayBuffer>>;
}

interface Known {
  request: string;
  commitment: Commitment;
  /** Nothing came of it where there is no answer. */
  end: Promise<Answer | undefined>;
  /** When it was answered. */
  since?: number;
}

export class Recall {
  readonly #known = new Map<string, Known>();

  /** Carries a request out, or gives the reply of the same one with the same key, `again`. Throws {@link Refusal}. */
  async run(
    key: string, request: string, commitment: Commitment, work: () => Promise<Answer>,
  ): Promise<Answer & { again: boolean }> {
    for (let known; (known = this.#find(key)) !== undefined; ) {
      if (known.request !== request) throw new Refusal("key_reused");
      if (!known.commitment.isCommitted) throw new Refusal("busy");
      const answer = await known.end;
      if (answer !== undefined) return { ...answer, again: true };
    }
    const working = work();
    const own: Known = { request, commitment, end: working.catch(() => undefined) };
    this.#known.set(key, own);
    try {
      const answer = await working;
      own.since = Date.now();
      return { ...answer, again: false };
    } catch (error) {
      // A request that ends without an answer may be made again.
      if (this.#known.get(key) === own) this.#known.delete(key);
      throw error;
    }
  }

  #find(key: string): Known | undefined {
    const known = this.#known.get(key);
    const isGone = known?.commitment.isLeft || (known?.since !== undefined && Date.now() - known.since >= MEMORY_MS);
    if (isGone) this.#known.delete(key);
    return isGone ? undefined : known;
  }
}
