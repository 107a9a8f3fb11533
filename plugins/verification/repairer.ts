import { once } from 'node:events'
import { type BlockStore, type Blocks, type Clock, messageOf } from '../../core/api.ts'
import { cidOfHash } from './block-hash.ts'
import type { Damage, DamageList } from './damage-list.ts'

export interface RepairerDependencies {
  readonly blocks: Blocks
  readonly store: Pick<BlockStore, 'has'>
  readonly list: DamageList
  readonly isPinned: (hash: Uint8Array) => boolean
  readonly clock: Clock
}

/** Blocks asked for at a time: repair is not to crowd out what a user waits for. */
const MAX_PARALLEL = 4

/** How long until a block is asked for again; each time twice as long. */
const FIRST_RETRY_MS = 5_000
const MAX_RETRY_MS = 600_000

/** Fetches good copies of what is listed, again and again while peers come and go. What is whole leaves the list. */
export class Repairer {
  readonly #dependencies: RepairerDependencies

  constructor(dependencies: RepairerDependencies) {
    this.#dependencies = dependencies
  }

  /** Repairs until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { list, clock } = this.#dependencies
    for (;;) {
      signal.throwIfAborted()
      const work = new AbortController()
      const stopListening = list.onWork(() => work.abort())
      try {
        await this.#round(signal)
        const either = AbortSignal.any([signal, work.signal])
        if (list.size > 0) await clock.wait(this.#idleMs(), either)
        else if (!either.aborted) await once(either, 'abort')
      } catch (error) {
        if (!work.signal.aborted) throw error
      } finally {
        stopListening()
      }
    }
  }

  async #round(signal: AbortSignal): Promise<void> {
    const due = this.#due()
    const work = async (): Promise<void> => {
      for (const damage of due) await this.#repair(damage, signal)
    }
    await Promise.all(Array.from({ length: MAX_PARALLEL }, work))
  }

  /** What is to be tried now; what others wait for in the meantime is found by the next round. */
  #due(): IterableIterator<Damage> {
    const { list, clock } = this.#dependencies
    const nowMs = clock.nowMs()
    return [...list.entries()].filter(({ notBeforeMs }) => notBeforeMs <= nowMs).values()
  }

  #idleMs(): number {
    const { list, clock } = this.#dependencies
    let nextMs = Number.POSITIVE_INFINITY
    for (const { notBeforeMs } of list.entries()) nextMs = Math.min(nextMs, notBeforeMs)
    return Math.max(0, Math.min(nextMs - clock.nowMs(), MAX_RETRY_MS))
  }

  async #repair({ hash, tries }: Damage, signal: AbortSignal): Promise<void> {
    const { blocks, store, list, isPinned, clock } = this.#dependencies
    const cid = cidOfHash(hash)
    if (store.has(cid) || !isPinned(hash)) {
      list.remove(hash)
      return
    }
    try {
      await using session = blocks.session(cid)
      await session.ensure(cid, { signal })
      list.remove(hash)
    } catch (error) {
      signal.throwIfAborted()
      const retryMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** tries)
      list.failed(hash, messageOf(error), clock.nowMs() + retryMs)
    }
  }
}
