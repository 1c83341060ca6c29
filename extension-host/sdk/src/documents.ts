/** Brings documents to the daemon and back, in pieces, each named by its digest. */

import type { Conversation } from "./conversation.ts";
import { sha256 } from "./encoding.ts";
import { TrienError } from "./error.ts";
import type { DocumentRef, DownloadReply, HelloReply, UploadReply } from "./protocol.ts";

/** A document of the page. */
export interface PageDocument {
  /** What the person sees. */
  name: string;
  bytes: Uint8Array | Blob;
}

/** How many bytes of how many have passed. */
export type Meter = (done: number, total: number) => void;

export class Documents {
  readonly #conversation: Conversation;
  readonly #limits: HelloReply;
  /** By digest, what the daemon holds for this connection or is being sent: true when it is there, false if it failed. */
  readonly #uploads = new Map<string, Promise<boolean>>();

  constructor(conversation: Conversation, limits: HelloReply) {
    this.#conversation = conversation;
    this.#limits = limits;
  }

  /** Uploads what the daemon does not hold yet, and says how it is named from now on. */
  async upload(documents: PageDocument[], signal: AbortSignal | undefined, meter: Meter): Promise<DocumentRef[]> {
    const total = documents.reduce((sum, { bytes }) => sum + size(bytes), 0);
    const references: DocumentRef[] = [];
    let done = 0;
    for (const { name, bytes } of documents) {
      if (size(bytes) > this.#limits.max_document) {
        throw TrienError.local("too_large", `${size(bytes)} bytes; at most ${this.#limits.max_document}`);
      }
      const copy = await snapshot(bytes);
      const reference = { name, sha256: await sha256(copy), size: copy.length };
      const before = done;
      await this.#uploadOne(reference, copy, signal, (part) => meter(before + part, total));
      done += copy.length;
      references.push(reference);
    }
    return references;
  }

  /**
   * Sends one document, or waits until a call beside this one has sent it: the pieces of one document come one after
   * the other. What ends the other call does not end this one.
   */
  async #uploadOne(
    reference: DocumentRef,
    bytes: Uint8Array,
    signal: AbortSignal | undefined,
    meter: (done: number) => void,
  ): Promise<void> {
    for (let running; (running = this.#uploads.get(reference.sha256)) !== undefined; ) {
      if (await unlessAborted(running, signal)) return meter(reference.size);
    }
    const sending = this.#send(reference, bytes, signal, meter);
    const settled = sending.then(() => true, () => false);
    this.#uploads.set(reference.sha256, settled);
    try {
      await sending;
    } catch (error) {
      this.#uploads.delete(reference.sha256);
      throw error;
    }
  }

  async #send(
    { sha256, size }: DocumentRef,
    bytes: Uint8Array,
    signal: AbortSignal | undefined,
    meter: (done: number) => void,
  ): Promise<void> {
    let offset = 0;
    let anew = true;
    do {
      const piece = bytes.subarray(offset, offset + this.#limits.max_chunk);
      const params = { sha256, size, offset };
      let result: UploadReply;
      try {
        ({ result } = await this.#conversation.request<UploadReply>("upload", params, { bytes: piece, signal }));
      } catch (error) {
        // The daemon still had the beginning that an aborted call left; with this refusal it has dropped it.
        if (offset > 0 || !anew || !(error instanceof TrienError) || error.code !== "upload_mismatch") throw error;
        anew = false;
        continue;
      }
      // The daemon may have the whole already, as the last piece of an aborted call.
      offset = result.sealed && result.received === size ? size : offset + piece.length;
      if (result.received !== offset || result.sealed !== (offset === size)) {
        throw TrienError.local("internal", `upload: ${result.received} of ${offset} bytes`);
      }
      meter(offset);
    } while (offset < size);
  }

  /** Fetches one document and checks that it is the one that was named. */
  async download(reference: DocumentRef, signal: AbortSignal | undefined, meter: (done: number) => void) {
    if (reference.size > 2 * this.#limits.max_document) throw TrienError.local("too_large");
    const bytes = new Uint8Array(reference.size);
    let offset = 0;
    while (offset < bytes.length) {
      const params = { sha256: reference.sha256, offset, length: this.#limits.max_chunk };
      const { result, bytes: piece } = await this.#conversation.request<DownloadReply>("download", params, { signal });
      const fits = piece !== undefined && piece.length > 0 && piece.length <= bytes.length - offset;
      if (!fits || result.size !== bytes.length) throw TrienError.local("internal", "download: a piece that does not fit");
      bytes.set(piece, offset);
      offset += piece.length;
      meter(offset);
    }
    if ((await sha256(bytes)) !== reference.sha256) throw TrienError.local("internal", "download: another digest");
    this.#uploads.set(reference.sha256, Promise.resolve(true));
    return bytes;
  }
}

function size(bytes: Uint8Array | Blob): number {
  return bytes instanceof Blob ? bytes.size : bytes.length;
}

/** Waits for somebody else's upload, but not longer than this call is wanted. */
async function unlessAborted<T>(running: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
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

/** A copy, so that what was hashed is what is sent, whatever the page does meanwhile. */
async function snapshot(bytes: Uint8Array | Blob): Promise<Uint8Array<ArrayBuffer>> {
  return bytes instanceof Blob ? new Uint8Array(await bytes.arrayBuffer()) : new Uint8Array(bytes);
}
