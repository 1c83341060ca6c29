/** What a page hands over as a document, held so that what was hashed is what is sent. */

import { unlessAborted } from "./abort.ts";
import { sha256 } from "./encoding.ts";
import { TrienError } from "./error.ts";
import { AT_ONCE, Sha256 } from "./sha256.ts";

/** The bytes of a document. A stream is read once; large ones and large Blobs never lie in the page's memory as a whole. */
export type DocumentBytes = Uint8Array | ArrayBuffer | Blob | ReadableStream<Uint8Array>;

/** Bytes of a stream that are collected before the browser may put them elsewhere. */
const PART = 4 * 1024 * 1024;

/** Bytes that are hashed between two turns of the page's event loop. */
const STEP = 1024 * 1024;

/** A document that does not change any more. */
export interface Source {
  size: number;
  /** SHA-256, lower-case hexadecimal. */
  sha256: string;
  /** The bytes from `start` up to `end`. Throws {@link TrienError} if they cannot be read, as of a file that was changed. */
  slice(start: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** Takes a document of at most `limit` bytes. Throws {@link TrienError}. */
export function hold(bytes: DocumentBytes, limit: number, signal: AbortSignal | undefined): Promise<Source> {
  return take(bytes, limit, signal).catch(unreadable);
}

async function take(bytes: DocumentBytes, limit: number, signal: AbortSignal | undefined): Promise<Source> {
  if (bytes instanceof ReadableStream) return spool(bytes, limit, signal);
  const size = bytes instanceof Blob ? bytes.size : bytes.byteLength;
  if (size > limit) throw tooLarge(size, limit);
  if (bytes instanceof Blob) return ofBlob(bytes, await digest(bytes, signal));
  // A copy: the page may go on and change its own.
  const copy = bytes instanceof ArrayBuffer ? new Uint8Array(bytes.slice(0)) : new Uint8Array(bytes);
  return { size, sha256: await sha256(copy), slice: async (start, end) => copy.subarray(start, end) };
}

function ofBlob(blob: Blob, digest: string): Source {
  return { size: blob.size, sha256: digest, slice: (start, end) => read(blob.slice(start, end)) };
}

async function digest(blob: Blob, signal: AbortSignal | undefined): Promise<string> {
  if (blob.size <= AT_ONCE) return sha256(await read(blob));
  const hash = new Sha256();
  for (let at = 0; at < blob.size; at += STEP) {
    if (signal?.aborted) throw TrienError.local("cancelled");
    hash.update(await read(blob.slice(at, at + STEP)));
  }
  return hash.hex();
}

async function read(blob: Blob): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await blob.arrayBuffer().catch(unreadable));
}

/** Whatever the page's own objects fail with, as a stream that is being read elsewhere or a buffer that was given away. */
function unreadable(error: unknown): never {
  throw error instanceof TrienError ? error : TrienError.local("document_unreadable", String(error));
}

/** Reads a stream to its end, at the speed at which it comes, into a Blob: browsers keep large ones on disk. */
async function spool(stream: ReadableStream<Uint8Array>, limit: number, signal: AbortSignal | undefined): Promise<Source> {
  const hash = new Sha256();
  const collected = new Collector();
  const reader = stream.getReader();
  try {
    for (;;) {
      if (signal?.aborted) throw TrienError.local("cancelled");
      const { done, value } = await unlessAborted(reader.read(), signal);
      if (done) break;
      if (!(value instanceof Uint8Array)) throw TrienError.local("document_unreadable", "a stream of something else than bytes");
      if (collected.size + value.length > limit) throw tooLarge(collected.size + value.length, limit);
      // The stream's owner may reuse its buffer.
      const copy = value.slice();
      hash.update(copy);
      collected.add(copy);
    }
  } catch (error) {
    // Whoever fills the stream need not go on; if that fails, there is nothing left to do.
    void reader.cancel(error).catch(() => {});
    throw error;
  }
  return ofBlob(collected.blob(), hash.hex());
}

/** Bytes that come piece by piece, given to the browser in parts that it may keep outside the page's memory. */
export class Collector {
  readonly #parts: Blob[] = [];
  #pieces: Uint8Array<ArrayBuffer>[] = [];
  #held = 0;
  size = 0;

  add(piece: Uint8Array<ArrayBuffer>): void {
    this.#pieces.push(piece);
    this.#held += piece.length;
    this.size += piece.length;
    if (this.#held >= PART) this.#part();
  }

  blob(): Blob {
    this.#part();
    return new Blob(this.#parts, { type: "application/octet-stream" });
  }

  #part(): void {
    if (this.#held > 0) this.#parts.push(new Blob(this.#pieces));
    this.#pieces = [];
    this.#held = 0;
  }
}

function tooLarge(size: number, limit: number): TrienError {
  return TrienError.local("too_large", `${size} bytes; at most ${limit}`);
}
