/** The time-stamp authorities that the mock plays: they answer, or are silent until they answer. */

import { sha256 } from "../encoding.ts";
import type { Level, Raised, SignatureFormat, SignedDocument } from "../protocol.ts";

const STAMP = new TextEncoder().encode("% stamped by the mock of Trien: worth nothing\n");
const ORDER: readonly Level[] = ["B-B", "B-T", "B-LT", "B-LTA"];

/** Whether signatures of a format can have this level. */
export function isReachable(level: Level, format: SignatureFormat): boolean {
  const highest: Level = format === "xmldsig" || format === "cades_counter" ? "B-B" : format === "ooxml" ? "B-LT" : "B-LTA";
  return ORDER.indexOf(level) <= ORDER.indexOf(highest);
}

/** A document that waits for its level. */
export interface Waiting {
  /** As the reply says it, and whoever asks for that again. */
  item: SignedDocument & { status: "signed" };
  bytes: Uint8Array<ArrayBuffer>;
  level: Level;
  /** Hears of it when it has its level. */
  tell(raised: Omit<Raised, "request">, bytes: Uint8Array<ArrayBuffer>): void;
}

export class Authorities {
  readonly #waiting: Waiting[] = [];
  areSilent: boolean;

  constructor(areSilent: boolean) {
    this.areSilent = areSilent;
  }

  wait(waiting: Waiting): void {
    this.#waiting.push(waiting);
  }

  /** They answer from now on. */
  async answer(): Promise<void> {
    this.areSilent = false;
    for (const { item, bytes, level, tell } of this.#waiting.splice(0)) {
      const made = stamped(bytes);
      const from = item.sha256;
      Object.assign(item, { sha256: await sha256(made), size: made.length, level });
      delete item.waiting;
      tell({ from, sha256: item.sha256, size: item.size, level }, made);
    }
  }
}

/** A document with what an authority said. */
export function stamped(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const made = new Uint8Array(bytes.length + STAMP.length);
  made.set(bytes);
  made.set(STAMP, bytes.length);
  return made;
}
