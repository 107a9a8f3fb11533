/**
 * How long this node has run, over all its runs: the clock of bans and of decay. Boards have no clock, so what happens while one is
 * off takes no time; the wall clock may jump as it likes.
 */
export class Uptime {
  readonly #nowMs: () => number
  #offsetMs = 0

  /** `nowMs`: monotonic. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** Goes on from `uptimeMs`, where an earlier run was. */
  resume(uptimeMs: number): void {
    this.#offsetMs = uptimeMs - this.#nowMs()
  }

  nowMs(): number {
    return this.#nowMs() + this.#offsetMs
  }
}
