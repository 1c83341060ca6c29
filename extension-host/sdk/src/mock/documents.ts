/** What one connection to the mock holds, as the daemon holds it: complete, or still coming. */

import { fromBase64, sha256, toBase64 } from "../encoding.ts";
import type { DocumentRef, Download, DownloadReply, Upload, UploadReply } from "../protocol.ts";
import { Refusal } from "./refusal.ts";

export const MAX_CHUNK = 512 * 1024;
export const MAX_DOCUMENT = 200 * 1024 * 1024;

type Bytes = Uint8Array<ArrayBuffer>;

/** A document of which not all has come. */
interface Coming {
  size: number;
  bytes: Bytes;
  /** Whoever it was for has gone: the next may send it from its beginning. */
  mayBeginAnew: boolean;
}

/** What a request waits for. */
export interface Manifest {
  documents: readonly DocumentRef[];
  /** Another document is here. */
  look(): void;
  end(refusal: Refusal): void;
}

export class MockDocuments {
  readonly #complete = new Map<string, Bytes>();
  readonly #coming = new Map<string, Coming>();
  readonly #waiting = new Set<Manifest>();
  /** Names of manifests that wait no more, while others do. */
  readonly #former = new Set<string>();

  get(digest: string): Bytes | undefined {
    return this.#complete.get(digest);
  }

  publish(digest: string, bytes: Bytes): void {
    this.#complete.set(digest, bytes);
  }

  has({ sha256: digest, size }: DocumentRef): boolean {
    return this.#complete.get(digest)?.length === size;
  }

  /** From now on what comes has to be in this manifest, or in another that waits. */
  expect(manifest: Manifest): void {
    for (const { sha256: digest } of manifest.documents) {
      const coming = this.#coming.get(digest);
      if (coming !== undefined && this.#naming(digest).length === 0) coming.mayBeginAnew = true;
    }
    this.#waiting.add(manifest);
  }

  /** It waits no more; what has come of its documents and is not complete goes with it, but for those that others wait for. */
  forget(manifest: Manifest): void {
    if (!this.#waiting.delete(manifest)) return;
    for (const { sha256: digest } of manifest.documents) {
      const coming = this.#coming.get(digest);
      if (this.#naming(digest).length === 0) {
        this.#coming.delete(digest);
        this.#former.add(digest);
      } else if (coming !== undefined) {
        coming.mayBeginAnew = true;
      }
    }
    if (this.#waiting.size === 0) this.#former.clear();
  }

  /** What is in no manifest that waits, or other than it says, ends the requests that wait. */
  async upload(upload: Upload): Promise<UploadReply> {
    const piece = fromBase64(upload.data ?? "");
    if (!/^[0-9a-f]{64}$/.test(upload.sha256) || piece === undefined) throw new Refusal("bad_request");
    if (piece.length > MAX_CHUNK) throw new Refusal("too_large");
    const named = this.#naming(upload.sha256);
    if (this.#waiting.size > 0 && named.length === 0) {
      if (!this.#former.has(upload.sha256)) return this.#deviate([...this.#waiting], new Refusal("upload_mismatch"));
      // What it was for has ended; those that wait still are not to suffer for it.
      const held = this.#complete.get(upload.sha256);
      if (held === undefined) throw new Refusal("upload_mismatch");
      return again(held, upload, piece);
    }
    const other = named.filter(({ documents }) => documents.some((one) => one.sha256 === upload.sha256 && one.size !== upload.size));
    if (other.length > 0) return this.#deviate(other, new Refusal("upload_mismatch"));
    try {
      const reply = await this.#take(upload, piece);
      if (reply.sealed) for (const { look } of [...this.#waiting]) look();
      return reply;
    } catch (error) {
      return this.#deviate(named, error);
    }
  }

  download({ sha256: digest, offset, length }: Download): DownloadReply {
    const held = this.#complete.get(digest);
    if (held === undefined) throw new Refusal("document_missing");
    if (offset >= held.length) throw new Refusal("bad_request");
    return { size: held.length, data: toBase64(held.subarray(offset, offset + Math.min(length, MAX_CHUNK))) };
  }

  #naming(digest: string): Manifest[] {
    return [...this.#waiting].filter(({ documents }) => documents.some((one) => one.sha256 === digest));
  }

  #deviate(manifests: Manifest[], error: unknown): never {
    const code = error instanceof Refusal && error.code === "too_large" ? "too_large" : "batch_mismatch";
    for (const manifest of manifests) {
      this.forget(manifest);
      manifest.end(new Refusal(code));
    }
    throw error;
  }

  async #take({ sha256: digest, size, offset, ...upload }: Upload, piece: Bytes): Promise<UploadReply> {
    const held = this.#complete.get(digest);
    if (held !== undefined) return again(held, { sha256: digest, size, offset, ...upload }, piece);
    const begun = this.#coming.get(digest);
    // From here on a mistake loses what came before it: the page begins anew.
    this.#coming.delete(digest);
    const coming = begun === undefined || (offset === 0 && begun.mayBeginAnew) ? begin(size) : begun;
    const received = offset + piece.length;
    if (coming.size !== size || offset !== coming.bytes.length) throw new Refusal("upload_mismatch");
    if (piece.length === 0) throw new Refusal("bad_request");
    if (received > size) throw new Refusal("upload_mismatch");
    const bytes = new Uint8Array(received);
    bytes.set(coming.bytes);
    bytes.set(piece, offset);
    if (received < size) {
      this.#coming.set(digest, { ...coming, bytes });
      return { received, sealed: false };
    }
    if ((await sha256(bytes)) !== digest) throw new Refusal("upload_mismatch");
    this.#complete.set(digest, bytes);
    return { received, sealed: true };
  }
}

function begin(size: number): Coming {
  if (size === 0) throw new Refusal("bad_request");
  if (size > MAX_DOCUMENT) throw new Refusal("too_large");
  return { size, bytes: new Uint8Array(), mayBeginAnew: false };
}

/** The same document once more is the same document. */
function again(held: Bytes, { size, offset }: Upload, piece: Bytes): UploadReply {
  const isSame = held.length === size && offset + piece.length <= size && piece.every((byte, at) => held[offset + at] === byte);
  if (!isSame) throw new Refusal("upload_mismatch");
  return { received: size, sealed: true };
}
