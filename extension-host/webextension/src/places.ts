/**
 * Who may start a native host now: each is a process. A site that has a permission pays for itself. All others pay
 * together, because one person can have as many of them as he has names to put before his own: their frames must not
 * take what a portal's sessions need.
 */

import { Rate } from "./rate.ts";

/** A payer may start a few at once, for several tabs that are opened together, and then one every two seconds. */
const STARTS = { burst: 8, perSecond: 0.5 };

/** Hosts of one payer that run at a time: as many connections as the daemon takes of one origin. */
const MAX_OF_ONE = 8;

/** Hosts of all payers that run at a time; the daemon takes 64 connections, of all browsers together. */
const MAX_OF_ALL = 48;

/** Who pays for what belongs to nobody known; no origin is called so. */
export const STRANGERS = "";

/** The right to one running host. */
export interface Place {
  /** The host has ended. */
  leave(): void;
}

/** Of the extension's own pages, which nobody but the person opens. */
export const OURS: Place = { leave: () => {} };

export class Places {
  readonly #starts = new Map<string, Rate>();
  readonly #running = new Map<string, number>();
  #all = 0;

  /** A place, if this payer has one left now; in milliseconds of any clock that runs forward. */
  take(payer: string, now: number = Date.now()): Place | undefined {
    // What is as good as new need not be remembered.
    for (const [known, rate] of this.#starts) {
      if (known !== payer && rate.isFresh(now)) this.#starts.delete(known);
    }
    const running = this.#running.get(payer) ?? 0;
    if (running >= MAX_OF_ONE || this.#all >= MAX_OF_ALL) return undefined;
    const rate = this.#starts.get(payer) ?? new Rate(STARTS.burst, STARTS.perSecond, now);
    this.#starts.set(payer, rate);
    if (!rate.allows(now)) return undefined;
    this.#running.set(payer, running + 1);
    this.#all += 1;
    let held = true;
    return {
      leave: () => {
        if (held) this.#give(payer);
        held = false;
      },
    };
  }

  #give(payer: string): void {
    this.#all -= 1;
    const left = (this.#running.get(payer) ?? 1) - 1;
    if (left > 0) this.#running.set(payer, left);
    else this.#running.delete(payer);
  }
}
