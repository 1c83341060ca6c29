/** Brings documents to the daemon and back, in pieces, each named by its digest. */

import { together, unlessAborted } from "./abort.ts";
import type { Conversation, RequestOptions } from "./conversation.ts";
import { sha256 } from "./encoding.ts";
import { TrienError } from "./error.ts";
import type { DocumentRef, DownloadReply, HelloReply, UploadReply } from "./protocol.ts";
import { Sha256 } from "./sha256.ts";
import type { DocumentBytes, Source } from "./source.ts";
import { Collector, hold } from "./source.ts";

/** A document of the page. */
export interface PageDocument {
  /** What the person sees. */
  name: string;
  bytes: DocumentBytes;
}

/** A document whose bytes do not change any more. */
export interface Held {
  name: string;
  source: Source;
}

/** How a document is named from now on. */
export function reference({ name, source: { sha256, size } }: Held): DocumentRef {
  return { name, sha256, size };
}

/** How many bytes of how many have passed. */
export type Meter = (done: number, total: number) => void;

export class Documents {
  readonly #conversation: Conversation;
  readonly #limits: HelloReply;
  /** By digest, what the daemon holds for this connection, unless it has made room for others since. */
  readonly #there = new Set<string>();
  /** By digest, what is being sent: whether it arrived. */
  readonly #sending = new Map<string, Promise<boolean>>();

  constructor(conversation: Conversation, limits: HelloReply) {
    this.#conversation = conversation;
    this.#limits = limits;
  }

  /**
   * Takes what the page hands over, before anything is sent: from now on the page cannot change it. If one cannot be taken,
   * the others are read no further.
   */
  hold(documents: PageDocument[], signal: AbortSignal | undefined): Promise<Held[]> {
    const limit = this.#limits.max_document;
    return together(signal, (end) =>
      Promise.all(documents.map(async ({ name, bytes }) => ({ name, source: await hold(bytes, limit, end.signal) }))));
  }

  /** Whether the daemon takes the manifest of a request before its documents. */
  get manifestFirst(): boolean {
    return this.#limits.capabilities?.includes("manifest") === true;
  }

  /**
   * Sends a request, and its documents when the daemon waits for them: what it refuses is not sent, or not any further.
   * What the page hears of the way is the same as where they are sent first. Where fewer are there than were sent, some have
   * made room for others, and all are sent anew: of what is there still that is one piece.
   */
  async request<Result>(method: string, params: object, documents: Held[], options: RequestOptions, meter: Meter): Promise<Result> {
    let sending = false;
    let failure: unknown;
    return together(options.signal, async (end) => {
      const { signal } = end;
      const onProgress: RequestOptions["onProgress"] = (progress) => {
        if (progress.stage !== "collecting") return options.onProgress?.(progress);
        if (sending) return;
        sending = true;
        const sent = documents.filter(({ source }) => this.#there.has(source.sha256)).length;
        if (sent > progress.done) this.forget(documents);
        void this.upload(documents, signal, meter).then(() => (sending = false), (error: unknown) => {
          // For what it does not take the daemon ends the request, and says more of it there.
          if (error instanceof TrienError && error.code === "upload_mismatch") return;
          failure ??= error;
          end.abort();
        });
      };
      try {
        return (await this.#conversation.request<Result>(method, params, { ...options, signal, onProgress })).result;
      } catch (error) {
        throw failure ?? error;
      }
    });
  }

  /** The daemon does not hold these any more, or not all of them. */
  forget(documents: Held[]): void {
    for (const { source } of documents) this.#there.delete(source.sha256);
  }

  /** Uploads what the daemon does not hold yet. */
  async upload(documents: Held[], signal: AbortSignal | undefined, meter: Meter): Promise<void> {
    const total = documents.reduce((sum, { source }) => sum + source.size, 0);
    let done = 0;
    for (const document of documents) {
      const before = done;
      await this.#uploadOne(reference(document), document.source, signal, (part) => meter(before + part, total));
      done += document.source.size;
    }
  }

  /**
   * Sends one document, or waits until a call beside this one has sent it: the pieces of one document come one after
   * the other. What ends the other call does not end this one.
   */
  async #uploadOne(
    reference: DocumentRef,
    source: Source,
    signal: AbortSignal | undefined,
    meter: (done: number) => void,
  ): Promise<void> {
    const { sha256, size } = reference;
    if (this.#there.has(sha256)) return meter(size);
    for (let running; (running = this.#sending.get(sha256)) !== undefined; ) {
      if (await unlessAborted(running, signal)) return meter(size);
    }
    const sending = this.#send(reference, source, signal, meter);
    this.#sending.set(sha256, sending.then(() => true, () => false));
    try {
      await sending;
      this.#there.add(sha256);
    } finally {
      this.#sending.delete(sha256);
    }
  }

  async #send(
    { sha256, size }: DocumentRef,
    source: Source,
    signal: AbortSignal | undefined,
    meter: (done: number) => void,
  ): Promise<void> {
    let offset = 0;
    let anew = true;
    do {
      const piece = await source.slice(offset, offset + this.#limits.max_chunk);
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
    const bytes = new Uint8Array(this.#fitting(reference));
    await this.#fetch(reference, signal, (piece, offset) => {
      bytes.set(piece, offset);
      meter(offset + piece.length);
    });
    this.#check(reference, await sha256(bytes));
    return bytes;
  }

  /** The same, without ever having it in the page's memory as a whole. */
  async downloadBlob(reference: DocumentRef, signal: AbortSignal | undefined, meter: (done: number) => void) {
    this.#fitting(reference);
    const [collected, hash] = [new Collector(), new Sha256()];
    await this.#fetch(reference, signal, (piece, offset) => {
      hash.update(piece);
      collected.add(piece);
      meter(offset + piece.length);
    });
    this.#check(reference, hash.hex());
    return collected.blob();
  }

  #fitting({ size }: DocumentRef): number {
    if (size > 2 * this.#limits.max_document) throw TrienError.local("too_large");
    return size;
  }

  async #fetch(
    { sha256, size }: DocumentRef,
    signal: AbortSignal | undefined,
    take: (piece: Uint8Array<ArrayBuffer>, offset: number) => void,
  ): Promise<void> {
    for (let offset = 0; offset < size; ) {
      const params = { sha256, offset, length: this.#limits.max_chunk };
      const { result, bytes: piece } = await this.#conversation.request<DownloadReply>("download", params, { signal });
      const fits = piece !== undefined && piece.length > 0 && piece.length <= size - offset;
      if (!fits || result.size !== size) throw TrienError.local("internal", "download: a piece that does not fit");
      take(piece, offset);
      offset += piece.length;
    }
  }

  #check(reference: DocumentRef, digest: string): void {
    if (digest !== reference.sha256) throw TrienError.local("internal", "download: another digest");
    this.#there.add(digest);
  }
}
