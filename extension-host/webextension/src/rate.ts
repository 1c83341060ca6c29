/** Lets `burst` things pass at once and then `perSecond` of them; the rest must not pass. */
export class Rate {
  readonly #burst: number;
  readonly #perSecond: number;
  #left: number;
  #at: number;

  constructor(burst: number, perSecond: number, now: number = Date.now()) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#left = burst;
    this.#at = now;
  }

  /** Whether one more may pass now, in milliseconds of any clock that runs forward. */
  allows(now: number = Date.now()): boolean {
    const seconds = Math.max(0, now - this.#at) / 1000;
    this.#left = Math.min(this.#burst, this.#left + seconds * this.#perSecond);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }

  /** Whether nothing has passed for so long that a new one would be the same. */
  isFresh(now: number = Date.now()): boolean {
    return this.#left + (Math.max(0, now - this.#at) / 1000) * this.#perSecond >= this.#burst;
  }
}
