/** More than all peers together have open with the usual window and block size; about 150 bytes each. */
const MAX_BLOCKS = 4_096

/** Who was promised which block last, by the blocks' keys: the others can get it there. The oldest are forgotten first. */
export class Given {
  readonly #peers = new Map<string, string>()

  add(key: string, peer: string): void {
    this.#peers.delete(key)
    this.#peers.set(key, peer)
    const [oldest] = this.#peers.keys()
    if (this.#peers.size > MAX_BLOCKS && oldest !== undefined) this.#peers.delete(oldest)
  }

  /** True where somebody other than `peer` was promised it. */
  isElsewhere(key: string, peer: string): boolean {
    const other = this.#peers.get(key)
    return other !== undefined && other !== peer
  }
}
