import {
  type Blocks,
  type Clock,
  type Events,
  formatBytes,
  HEALTHY,
  type Health,
  type Logger,
  type MemoryBudget,
  type Pins,
  type Storage,
} from '../../core/api.ts'
import { cidOfHash, isMultihash } from './block-hash.ts'
import type { VerificationConfig } from './config.ts'
import { DagVerifier } from './dag-verifier.ts'
import { DamageList } from './damage-list.ts'
import { Load } from './load.ts'
import type { VerificationMetrics } from './metrics.ts'
import { isMissed, listMissing } from './missing.ts'
import { attachReadCheck } from './read-check.ts'
import { Repairer } from './repairer.ts'
import { ScrubRecordStore } from './scrub-record.ts'
import { Scrubber, type ScrubStatus } from './scrubber.ts'

export interface VerificationDependencies {
  readonly storage: Storage
  readonly blocks: Blocks
  readonly pins: Pins
  readonly memory: MemoryBudget
  readonly events: Events
  readonly metrics: VerificationMetrics
  readonly log: Logger
  readonly clock: Clock
  /** From 0 to below 1. */
  readonly random: () => number
}

export interface VerificationStatus extends ScrubStatus {
  readonly periodMs: number
  readonly onRead: VerificationConfig['onRead']
  /** Blocks found damaged and repaired since the plugin started, whoever found them. */
  readonly damaged: number
  readonly repaired: number
  /** Pinned blocks that are still to be repaired, and how many more the list had no room for. */
  readonly unrepaired: number
  readonly beyond: number
}

/** Some megabytes of memory; a disk with more damage than that is to be replaced. */
const MAX_LISTED_BLOCKS = 10_000

/** What keeps blocks good: finds damage, has it repaired, remembers what can't be. */
export class Verification {
  readonly list: DamageList
  readonly verifier: DagVerifier
  readonly scrubber: Scrubber
  readonly repairer: Repairer
  readonly #config: VerificationConfig
  readonly #dependencies: VerificationDependencies
  readonly #undo: (() => void)[] = []
  readonly #counts = { damaged: 0, repaired: 0 }
  #isOpen = false

  constructor(config: VerificationConfig, dependencies: VerificationDependencies) {
    const { storage, blocks, pins, memory, metrics, log, clock } = dependencies
    const store = storage.blocks
    this.#config = config
    this.#dependencies = dependencies
    const list = new DamageList(
      { maxBlocks: MAX_LISTED_BLOCKS },
      { store: storage.index, log, wallMs: () => clock.wallMs() },
    )
    this.list = list
    this.scrubber = new Scrubber(config, {
      blocks: store,
      records: new ScrubRecordStore(storage.bookkeeping),
      memory,
      load: new Load(memory),
      metrics,
      clock,
      onBegin: signal => storage.checkTables({ signal }),
      onPass: signal => listMissing({ store, pins, list }, signal),
    })
    this.repairer = new Repairer({ blocks, store, list, clock, isPinned: hash => pins.holds(hash) })
    this.verifier = new DagVerifier({
      blocks,
      store,
      memory,
      isMissed: hash => isMissed({ pins, list }, hash),
      onUnrepaired: hash => this.#note(hash),
    })
  }

  open(): void {
    const { storage, events, metrics, random } = this.#dependencies
    this.list.open()
    this.scrubber.open()
    this.#isOpen = true
    metrics.observe(() => {
      const { share, lastPass } = this.scrubber.status()
      return {
        unrepairedBlocks: this.list.size + this.list.beyond,
        passShare: share,
        lastPassSeconds: (lastPass?.durationMs ?? 0) / 1000,
      }
    })
    this.#undo.push(
      storage.blocks.onDamaged(hash => this.#onDamaged(hash)),
      storage.blocks.onStored(hash => this.#onStored(hash)),
      events.on('peer:connected', () => this.list.retryAll()),
      events.on('content:unpinned', () => this.list.retryAll()),
      attachReadCheck(this.#config.onRead, { blocks: storage.blocks, random }),
    )
  }

  /** Idempotent; resolves when what is to survive is on disk. */
  async close(): Promise<void> {
    for (const step of this.#undo.splice(0)) step()
    if (!this.#isOpen) return
    this.#isOpen = false
    await this.list.settled()
    await this.scrubber.save()
  }

  status(): VerificationStatus {
    const { periodMs, onRead } = this.#config
    const { size: unrepaired, beyond } = this.list
    return { ...this.scrubber.status(), periodMs, onRead, ...this.#counts, unrepaired, beyond }
  }

  health(): Health {
    if (!this.#isOpen) return HEALTHY
    const { unrepaired, beyond, isLate, isPossible } = this.status()
    const reasons: string[] = []
    if (unrepaired > 0) {
      const count = unrepaired + beyond
      const what = count === 1 ? '1 pinned block is' : `${count} pinned blocks are`
      reasons.push(
        `${what} damaged or missing, and no peer gave a good copy yet: connect to one that has it; \`skep verify --list\` tells which`,
      )
    }
    if (!isPossible) {
      const { usedBytes } = this.#dependencies.storage.blocks.stats()
      const { maxBytesPerSecond } = this.#config
      reasons.push(
        `${formatBytes(usedBytes)} can't be verified in the period at ${formatBytes(maxBytesPerSecond)}/s: raise plugins.verification.maxBytesPerSecond or periodMs`,
      )
    } else if (isLate) {
      reasons.push('the scrub takes longer than its period: the disk is slow, or the node busy all the time')
    }
    return reasons.length > 0 ? { status: 'degraded', reason: reasons.join('; ') } : HEALTHY
  }

  #onDamaged(hash: Uint8Array): void {
    this.#counts.damaged += 1
    this.#dependencies.metrics.damagedBlocks.inc()
    this.#note(hash)
  }

  /** What no pin holds is cache: it is gone, and fetched again when somebody wants it. */
  #note(hash: Uint8Array): void {
    const { pins, storage } = this.#dependencies
    if (!isMultihash(hash)) return
    if (pins.holds(hash) && !storage.blocks.has(cidOfHash(hash))) this.list.add(hash)
  }

  #onStored(hash: Uint8Array): void {
    if (!this.list.remove(hash)) return
    this.#counts.repaired += 1
    this.#dependencies.metrics.repairedBlocks.inc()
    this.#dependencies.log.info({ cid: cidOfHash(hash).toString() }, 'a damaged block was repaired')
  }
}
