import { setTimeout } from 'node:timers/promises'
import type { CID } from 'multiformats/cid'
import { byteKey } from '../byte-key.ts'
import { isSkepError } from '../errors.ts'
import type { Events } from '../events.ts'
import type { Logger } from '../logger.ts'
import type { Blocks } from '../services/blocks.ts'
import type { Pin, Pins } from '../services/pins.ts'
import type { Bucket, Storage } from '../storage/storage.ts'
import type { ContentOptions } from './content.ts'
import { contentError } from './errors.ts'
import { isHashAllowed } from './hashes.ts'
import { type Hold, Holds } from './holds.ts'
import { PinCheck } from './pin-check.ts'
import { PinDamage } from './pin-damage.ts'
import { PinLedger } from './pin-ledger.ts'
import { cidOfKey, decodePin, encodePin, nodeKey } from './pin-records.ts'
import { type PinVerifyOptions, type PinVerifyReport, verifyPins } from './pin-verification.ts'
import { PinWalk } from './pin-walk.ts'
import { Turns } from './turns.ts'
import type { DagLink } from './walk.ts'

export interface PinsDependencies {
  readonly storage: Storage
  readonly blocks: Blocks
  readonly events: Events
  readonly log: Logger
  now?(): number
}

export interface PinsSettings {
  /** How long to wait before pins that couldn't be finished are tried again; each time twice as long. */
  readonly retryMs?: { readonly first: number; readonly max: number }
}

/** Pins as the core itself sees them. */
export interface PinKeeper extends Pins {
  /** Keeps what is told to it from eviction, until it is released: for content that isn't pinned yet. */
  hold(): Hold
  /**
   * Looks whether every count is right, beside whatever is pinned and unpinned meanwhile, and puts right what isn't where
   * `repair` says so. One at a time.
   */
  verify(options: PinVerifyOptions): Promise<PinVerifyReport>
  /**
   * Brings the index in line with the vault, and goes on in the background with pins and releases that a stop or a kill
   * had cut short.
   */
  start(): Promise<void>
  /** Resolves when nothing runs any more. Idempotent. */
  stop(): Promise<void>
}

const RETRY_MS = { first: 5_000, max: 600_000 }

export function createPins(dependencies: PinsDependencies, settings: PinsSettings = {}): PinKeeper {
  return new NodePins(dependencies, settings)
}

/**
 * The vault has the pins, which nothing can make again; the ledger, in the index, has what follows from them. The vault
 * is written first, so that a kill in between leaves what the next start can finish.
 */
class NodePins implements PinKeeper {
  readonly #storage: Storage
  readonly #blocks: Blocks
  readonly #events: Events
  readonly #log: Logger
  readonly #now: () => number
  readonly #retryMs: { readonly first: number; readonly max: number }
  readonly #pins: Bucket
  readonly #ledger: PinLedger
  readonly #damage: PinDamage
  readonly #holds = new Holds(() => this.#events.emit('content:released', {}))
  readonly #turns = new Turns()
  readonly #stopping = new AbortController()
  /** Pins whose counts were lost with the index: until they were counted again, nothing may be evicted. */
  readonly #recounting = new Set<CID>()
  /** Keys of the pins that aren't whole yet. */
  readonly #pinning = new Set<string>()
  #releasing: Promise<void> | undefined
  #resuming: Promise<void> | undefined
  #verifying: Promise<unknown> = Promise.resolve()

  constructor({ storage, blocks, events, log, now = Date.now }: PinsDependencies, settings: PinsSettings) {
    this.#storage = storage
    this.#blocks = blocks
    this.#events = events
    this.#log = log
    this.#now = now
    this.#retryMs = settings.retryMs ?? RETRY_MS
    this.#pins = storage.vault.bucket('pins')
    this.#ledger = new PinLedger(storage.index)
    this.#damage = new PinDamage({
      storage,
      holds: hash => this.#ledger.holds(hash),
      onError: err => log.warn({ err }, 'it was not noted that a pinned block is damaged'),
    })
  }

  async add(cid: CID, options: ContentOptions & { name?: string } = {}): Promise<Pin> {
    if (!isHashAllowed(cid)) {
      throw contentError('CID_INVALID', `${cid} uses a hash function that isn't accepted`)
    }
    const { signal, name, onProgress } = options
    return this.#turns.take(nodeKey(cid), { signal: this.#untilStop(signal) }, async turn => {
      const before = this.get(cid)
      const isWhole = before?.state === 'pinned' && (await this.#isWhole(cid, turn))
      const pin: Pin = {
        cid: before?.cid ?? cid,
        createdMs: before?.createdMs ?? this.#now(),
        state: isWhole ? 'pinned' : 'pinning',
        name: name ?? before?.name,
      }
      if (!before || pin.name !== before.name || pin.state !== before.state) await this.#save(pin)
      if (pin.state === 'pinned') return pin
      return this.#complete(pin, { signal: turn, onProgress, isNew: !before })
    })
  }

  async remove(cid: CID, { signal }: ContentOptions = {}): Promise<void> {
    const notPinned = () => contentError('NOT_PINNED', `${cid} is not pinned`)
    if (!this.get(cid)) throw notPinned()
    const removed = contentError('PIN_REMOVED', `the pin of ${cid} was removed`)
    await this.#turns.take(nodeKey(cid), { signal: this.#untilStop(signal), preempts: removed }, async () => {
      if (!this.get(cid)) throw notPinned()
      await this.#forget(cid)
    })
    // Only then can the blocks go: who hears of it looks for them.
    await this.#releaseAll().finally(() => this.#events.emit('content:unpinned', { cid }))
  }

  get(cid: CID): Pin | undefined {
    const bytes = this.#pins.get(nodeKey(cid))
    return bytes && decodePin(bytes)
  }

  counts(): Record<Pin['state'], number> {
    const pinning = this.#pinning.size
    return { pinned: this.#pins.size() - pinning, pinning }
  }

  *list(): Generator<Pin, void, void> {
    for (const [, bytes] of this.#pins.entries()) yield decodePin(bytes)
  }

  holds(hash: Uint8Array): boolean {
    return this.#recounting.size > 0 || this.#holds.has(hash) || this.#ledger.holds(hash)
  }

  mayHold(hash: Uint8Array): boolean {
    return this.holds(hash) || this.#ledger.holdsNearly(hash)
  }

  hashes(options: { after?: Uint8Array; limit?: number } = {}): Uint8Array[] {
    return this.#ledger.hashes(options)
  }

  hold(): Hold {
    return this.#holds.open()
  }

  verify(options: PinVerifyOptions): Promise<PinVerifyReport> {
    const signal = this.#untilStop(options.signal)
    const dependencies = {
      storage: this.#storage,
      ledger: this.#ledger,
      reopen: (pin: Pin) => this.#save({ ...pin, state: 'pinning' }),
      releaseAll: () => this.#releaseAll(),
    }
    const turn = this.#verifying
      .then(() => verifyPins({ ...options, signal }, dependencies))
      .catch(error => this.#explain(error, signal))
    this.#verifying = turn.catch(() => undefined)
    return turn
  }

  async start(): Promise<void> {
    await this.#start().catch(error => this.#explain(error, this.#stopping.signal))
  }

  async stop(): Promise<void> {
    this.#damage.stop()
    this.#stopping.abort(contentError('PIN_REMOVED', 'the node stops; the pin goes on at the next start'))
    await this.#resuming
    await this.#turns.idle()
    await this.#releasing
    await this.#verifying
  }

  async #start(): Promise<void> {
    const unfinished: Pin[] = []
    const changes: (() => Promise<void>)[] = []
    for (const pin of this.list()) {
      if (!this.#ledger.hasRoot(pin.cid)) changes.push(() => this.#ledger.addRoot(pin.cid))
      if (pin.state === 'pinned' && this.#ledger.nodeOf(pin.cid)?.isComplete) continue
      unfinished.push(pin)
      this.#pinning.add(byteKey(nodeKey(pin.cid)))
      if (pin.state === 'pinning') continue
      this.#recounting.add(pin.cid)
      changes.push(() => this.#save({ ...pin, state: 'pinning' }))
    }
    for (const key of this.#ledger.roots()) {
      if (this.#pins.has(key)) continue
      const cid = cidOfKey(key)
      changes.push(() => this.#ledger.removeRoot(cid))
    }
    await Promise.all(changes.map(change => change()))
    await this.#damage.start()
    this.#resuming = this.#resume(unfinished).catch(err => {
      if (!this.#stopping.signal.aborted) this.#log.error({ err }, 'unfinished pins were left alone')
    })
  }

  /**
   * Throws what an error of the ledger comes from: an entry that can't be read is damage of the index, which is fatal, so that the
   * next start makes it again.
   */
  async #explain(error: unknown, signal: AbortSignal): Promise<never> {
    if (!isSkepError(error) && !signal.aborted) await this.#storage.checkTables({ signal })
    throw error
  }

  /** What was damaged on disk counts as absent: a pin that lost blocks to that is made whole again. */
  #isWhole(cid: CID, signal: AbortSignal): Promise<boolean> {
    return new PinCheck({ root: cid, signal }, { ledger: this.#ledger, store: this.#storage.blocks }).run()
  }

  /** Makes a pin that is in the vault whole. */
  async #complete(
    pin: Pin,
    options: ContentOptions & { signal: AbortSignal; isNew?: boolean },
  ): Promise<Pin> {
    const { cid } = pin
    await this.#ledger.addRoot(cid)
    await using session = this.#blocks.session(cid)
    const walk = (): Promise<void> =>
      new PinWalk(
        { root: cid, signal: options.signal, onProgress: options.onProgress },
        {
          ledger: this.#ledger,
          store: this.#storage.blocks,
          session,
          checkFit: links => this.#checkFit(links, options.signal),
        },
      ).run()
    try {
      await walk()
      // It went past nodes that were whole once.
      while (this.#damage.isKnown && !(await this.#isWhole(cid, options.signal))) await walk()
    } catch (error) {
      // What proved larger than there is room for leaves what it fetched to the cache.
      if (options.isNew && isSkepError(error, 'STORAGE_FULL')) {
        await this.#forget(cid)
        await this.#releaseAll()
      }
      throw error
    }
    const pinned: Pin = { ...pin, state: 'pinned' }
    await this.#save(pinned)
    this.#events.emit('content:pinned', { cid })
    return pinned
  }

  /** Refuses what can't fit before it is downloaded, by what the root says is beneath it. @throws SkepError STORAGE_FULL */
  async #checkFit(links: Iterable<DagLink>, signal: AbortSignal): Promise<void> {
    let missingBytes = 0
    for (const { cid, totalBytes = 0 } of links) {
      if (!this.#storage.blocks.has(cid)) missingBytes += totalBytes
    }
    if (missingBytes === 0) return
    const reservation = await this.#storage.blocks.reserve(missingBytes, { signal })
    reservation.release()
  }

  async #save(pin: Pin): Promise<void> {
    const key = nodeKey(pin.cid)
    await this.#storage.vault.write(batch => batch.put(this.#pins, key, encodePin(pin)))
    if (pin.state === 'pinning') this.#pinning.add(byteKey(key))
    else this.#pinning.delete(byteKey(key))
  }

  async #forget(cid: CID): Promise<void> {
    const key = nodeKey(cid)
    await this.#storage.vault.write(batch => batch.delete(this.#pins, key))
    this.#pinning.delete(byteKey(key))
    await this.#ledger.removeRoot(cid)
  }

  /** Resolves when what came to 0 is uncounted, all the way down, or the node stops. */
  async #releaseAll(): Promise<void> {
    while (this.#ledger.isReleasing && !this.#stopping.signal.aborted) {
      this.#releasing ??= this.#ledger
        .release()
        .catch(error => this.#explain(error, this.#stopping.signal))
        .finally(() => {
          this.#releasing = undefined
        })
      await this.#releasing
    }
  }

  /** Goes on with what was cut short, again and again until all of it is done or the node stops. */
  async #resume(unfinished: readonly Pin[]): Promise<void> {
    const { signal } = this.#stopping
    await this.#releaseAll()
    let pending = unfinished.map(({ cid }) => cid)
    for (
      let waitMs = this.#retryMs.first;
      pending.length > 0;
      waitMs = Math.min(waitMs * 2, this.#retryMs.max)
    ) {
      for (const cid of pending) await this.#retry(cid)
      pending = pending.filter(cid => this.get(cid)?.state === 'pinning')
      if (pending.length > 0) await setTimeout(waitMs, undefined, { signal, ref: false })
    }
  }

  async #retry(cid: CID): Promise<void> {
    const { signal } = this.#stopping
    try {
      await this.#turns.takeIfFree(nodeKey(cid), { signal }, async turn => {
        const pin = this.get(cid)
        if (pin?.state === 'pinning') await this.#complete(pin, { signal: turn })
      })
    } catch (err) {
      signal.throwIfAborted()
      this.#log.warn({ err, cid: cid.toString() }, 'a pin is not whole yet; it will be tried again')
    } finally {
      for (const other of this.#recounting) if (other.equals(cid)) this.#recounting.delete(other)
    }
  }

  #untilStop(signal: AbortSignal | undefined): AbortSignal {
    const { signal: stop } = this.#stopping
    return signal ? AbortSignal.any([signal, stop]) : stop
  }
}
