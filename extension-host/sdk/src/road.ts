/** A way from this page to the daemon. Both carry the same JSON-RPC messages. */
export interface Road {
  readonly name: RoadName;

  /** Whether document bytes may travel beside a message instead of in it as base64. */
  readonly binary: boolean;

  /** Hears every message, with the bytes that travelled beside it. */
  onMessage: (message: unknown, bytes?: Uint8Array<ArrayBuffer>) => void;

  /** Hears once that the road has ended, and why if the road knows. */
  onClose: (reason: string) => void;

  /** Sends one message. After the road's end nothing happens. */
  send(message: object, bytes?: Uint8Array): void;

  /** Ends the road; `onClose` is not called. */
  close(): void;
}

export type RoadName = "extension" | "websocket";

/** The bounds of one attempt to find a road. */
export interface Attempt {
  /** In milliseconds. */
  timeoutMs: number;
  signal: AbortSignal | undefined;
}

/** A promise that ends by `timeoutMs` and by the signal, whichever is first; `undefined` stands for the time-out. */
export function bounded<T>(promise: Promise<T>, { timeoutMs, signal }: Attempt): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal?.reason);
    const timer = setTimeout(() => resolve(undefined), timeoutMs);
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted) abort();
    promise.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    });
  });
}
