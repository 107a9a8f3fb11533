interface Snapshot {
  release?(): void
}

/** Who reads what was committed at one time, for longer than a turn: pages that come free meanwhile are of no use to others. */
export class Snapshots {
  /** As many as callers wait for. */
  readonly #held = new Set<Snapshot>()

  get areHeld(): boolean {
    return this.#held.size > 0
  }

  /**
   * Runs `read`, then `release`, if there is one. Undefined where `giveUp` has released it before: what was read since is
   * not to be believed.
   */
  async hold<T>(read: () => Promise<T>, release?: () => void): Promise<T | undefined> {
    const snapshot: Snapshot = release ? { release } : {}
    this.#held.add(snapshot)
    try {
      const result = await read()
      return this.#held.has(snapshot) ? result : undefined
    } finally {
      if (this.#held.delete(snapshot)) release?.()
    }
  }

  /** Releases those that can be. */
  giveUp(): void {
    for (const snapshot of this.#held) {
      if (!snapshot.release) continue
      this.#held.delete(snapshot)
      snapshot.release()
    }
  }
}
