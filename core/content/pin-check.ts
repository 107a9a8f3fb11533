import { setImmediate } from 'node:timers/promises'
import type { CID } from 'multiformats/cid'
import { byteKey } from '../byte-key.ts'
import type { BlockStore } from '../storage/storage.ts'
import { LinkCursor } from './link-cursor.ts'
import type { PinLedger } from './pin-ledger.ts'
import { nodeKey } from './pin-records.ts'
import { mayHaveLinks } from './walk.ts'

/** Nodes remembered, so as not to go into shared ones twice; the first are forgotten first, and gone into again. */
const MAX_SEEN_NODES = 65_536

/** Steps before other work of the node gets its turn. */
const STEPS_PER_TURN = 1_024

interface Visit {
  readonly cid: CID
  readonly key: string
  readonly links: LinkCursor
  /** It, or something beneath it, is missing. */
  isBroken: boolean
}

export interface PinCheckOptions {
  readonly root: CID
  readonly signal: AbortSignal
}

export interface PinCheckDependencies {
  readonly ledger: PinLedger
  readonly store: BlockStore
}

/**
 * Looks whether all beneath a whole root is still held, by its kept links: no block is read, nothing is hashed. A node
 * with something missing beneath loses its mark, so that the next walk goes there.
 *
 * Nodes lose their marks from the bottom up: cut short, the root still has its own, and the next check finds the rest.
 */
export class PinCheck {
  readonly #options: PinCheckOptions
  readonly #dependencies: PinCheckDependencies
  readonly #visits: Visit[] = []
  /** Nodes that were left, and whether they were broken. */
  readonly #seen = new Map<string, boolean>()
  #isWhole = true

  constructor(options: PinCheckOptions, dependencies: PinCheckDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  /** Resolves with true where all is held. @throws the reason of `signal` */
  async run(): Promise<boolean> {
    const { root, signal } = this.#options
    this.#enter(root)
    for (let steps = 1, visit = this.#visits.at(-1); visit; steps++, visit = this.#visits.at(-1)) {
      const link = visit.links.next()
      if (link) this.#enter(link.cid)
      else await this.#leave(visit)
      if (steps % STEPS_PER_TURN === 0) {
        await setImmediate()
        signal.throwIfAborted()
      }
    }
    return this.#isWhole
  }

  #enter(cid: CID): void {
    const { ledger, store } = this.#dependencies
    const isMissing = !store.has(cid)
    if (!mayHaveLinks(cid)) {
      this.#note(isMissing)
      return
    }
    const key = byteKey(nodeKey(cid))
    const wasBroken = this.#seen.get(key)
    if (wasBroken !== undefined) {
      this.#note(wasBroken)
      return
    }
    this.#visits.at(-1)?.links.rest()
    this.#visits.push({ cid, key, links: new LinkCursor(ledger, cid), isBroken: isMissing })
  }

  async #leave({ cid, key, isBroken }: Visit): Promise<void> {
    this.#visits.pop()
    this.#seen.set(key, isBroken)
    for (const oldest of this.#seen.keys()) {
      if (this.#seen.size <= MAX_SEEN_NODES) break
      this.#seen.delete(oldest)
    }
    if (isBroken) await this.#dependencies.ledger.reopen(cid)
    this.#note(isBroken)
  }

  /** What is broken breaks what is above it. */
  #note(isBroken: boolean): void {
    const parent = this.#visits.at(-1)
    if (parent) parent.isBroken ||= isBroken
    else this.#isWhole &&= !isBroken
  }
}
