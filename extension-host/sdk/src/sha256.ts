/**
 * SHA-256 (FIPS 180-4) of bytes that come piece by piece. Web Crypto wants them all at once, which for a document of
 * 200 MiB is too much of a page's memory; up to {@link AT_ONCE} it is taken, being several times faster.
 */

/** Bytes that are hashed in one call of Web Crypto. */
export const AT_ONCE = 8 * 1024 * 1024;

const BLOCK = 64;

/** The first 32 bits of the fractional parts of a root of each of the first primes (sections 4.2.2 and 5.3.3). */
function fractions(count: number, root: number): Int32Array {
  const found = new Int32Array(count);
  for (let candidate = 2, at = 0; at < count; candidate += 1) {
    let prime = true;
    for (let divisor = 2; divisor * divisor <= candidate; divisor += 1) prime &&= candidate % divisor !== 0;
    if (prime) found[at++] = (candidate ** (1 / root) % 1) * 2 ** 32;
  }
  return found;
}

const CONSTANTS = fractions(64, 3);

export class Sha256 {
  readonly #state = fractions(8, 2);
  readonly #words = new Int32Array(64);
  readonly #held = new Uint8Array(BLOCK);
  #length = 0;

  /** Takes more bytes. */
  update(bytes: Uint8Array): this {
    let at = 0;
    const begun = this.#length % BLOCK;
    this.#length += bytes.length;
    if (begun > 0) {
      at = Math.min(BLOCK - begun, bytes.length);
      this.#held.set(bytes.subarray(0, at), begun);
      if (begun + at < BLOCK) return this;
      this.#compress(this.#held, 0);
    }
    for (; at + BLOCK <= bytes.length; at += BLOCK) this.#compress(bytes, at);
    this.#held.set(bytes.subarray(at));
    return this;
  }

  /** The digest of all that came, in lower-case hexadecimal. Nothing may come after it. */
  hex(): string {
    const bits = this.#length * 8;
    const rest = this.#length % BLOCK;
    const tail = new Uint8Array(rest < 56 ? BLOCK - rest : 2 * BLOCK - rest);
    tail[0] = 0x80;
    const view = new DataView(tail.buffer);
    view.setUint32(tail.length - 8, Math.floor(bits / 2 ** 32));
    view.setUint32(tail.length - 4, bits);
    this.update(tail);
    return Array.from(this.#state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }

  #compress(bytes: Uint8Array, offset: number): void {
    const words = this.#words;
    for (let at = 0, from = offset; at < 16; at += 1, from += 4) {
      words[at] = (bytes[from]! << 24) | (bytes[from + 1]! << 16) | (bytes[from + 2]! << 8) | bytes[from + 3]!;
    }
    for (let at = 16; at < 64; at += 1) {
      const [x, y] = [words[at - 15]!, words[at - 2]!];
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      words[at] = (words[at - 16]! + s0 + words[at - 7]! + s1) | 0;
    }
    const state = this.#state;
    let a = state[0]!, b = state[1]!, c = state[2]!, d = state[3]!;
    let e = state[4]!, f = state[5]!, g = state[6]!, h = state[7]!;
    for (let at = 0; at < 64; at += 1) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + CONSTANTS[at]! + words[at]!) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      c = b;
      b = a;
      a = (t1 + t2) | 0;
    }
    state[0] = (state[0]! + a) | 0;
    state[1] = (state[1]! + b) | 0;
    state[2] = (state[2]! + c) | 0;
    state[3] = (state[3]! + d) | 0;
    state[4] = (state[4]! + e) | 0;
    state[5] = (state[5]! + f) | 0;
    state[6] = (state[6]! + g) | 0;
    state[7] = (state[7]! + h) | 0;
  }
}
