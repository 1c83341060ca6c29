/** What is no longer wanted ends: waits and the work behind them. */

import { TrienError } from "./error.ts";

/** Waits for what others wait for too, but not longer than this call is wanted. */
export async function unlessAborted<T>(running: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return running;
  let cancel = () => {};
  const aborted = new Promise<never>((_, reject) => {
    cancel = () => reject(TrienError.local("cancelled"));
    if (signal.aborted) cancel();
    else signal.addEventListener("abort", cancel, { once: true });
  });
  try {
    return await Promise.race([running, aborted]);
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}

/** Gives work an end of its own, which comes with the signal, with the work's end, or by its own hand. */
export async function together<T>(signal: AbortSignal | undefined, work: (end: AbortController) => Promise<T>): Promise<T> {
  const end = new AbortController();
  const quit = () => end.abort();
  signal?.addEventListener("abort", quit, { once: true });
  if (signal?.aborted) quit();
  try {
    return await work(end);
  } finally {
    quit();
    signal?.removeEventListener("abort", quit);
  }
}
