import type { CID } from 'multiformats/cid'
import { isSkepError } from '../errors.ts'
import { discard } from '../owned-bytes.ts'
import type { Lease, MemoryBudget } from '../resources/byte-budget.ts'
import type { ExchangeSession, FetchOptions, WantedBlock } from '../services/exchange.ts'
import type { BlockStore, Reservation } from '../storage/storage.ts'
import { MAX_BLOCK_BYTES } from './hashes.ts'

export interface DownloadDependencies {
  readonly storage: BlockStore
  readonly memory: MemoryBudget
}

export interface DownloadOptions extends Pick<FetchOptions, 'signal' | 'anyOrder'> {
  readonly sizeHint?: number
  /** True where the block's bytes are the store's: nobody has asked to read them so far. */
  give(): boolean
}

/** Fetches one block and stores it. */
export async function download(
  session: ExchangeSession,
  cid: CID,
  options: DownloadOptions,
  dependencies: DownloadDependencies,
): Promise<Uint8Array> {
  try {
    return await downloadWithin(session, cid, options, dependencies)
  } catch (error) {
    if (options.sizeHint === undefined || !isSkepError(error, 'BLOCK_OVER_HINT')) throw error
    // Its parent claimed too little, and only so much was leased.
    return downloadWithin(session, cid, { ...options, sizeHint: undefined }, dependencies)
  }
}

async function downloadWithin(
  session: ExchangeSession,
  cid: CID,
  { signal, sizeHint, anyOrder, give }: DownloadOptions,
  dependencies: DownloadDependencies,
): Promise<Uint8Array> {
  const bytes = Math.min(sizeHint ?? MAX_BLOCK_BYTES, MAX_BLOCK_BYTES)
  using room = new Room({ bytes, signal }, dependencies)
  const block = await session.fetch(cid, { signal, sizeHint, anyOrder, makeRoom: () => room.take() })
  const given = give()
  await dependencies.storage.put(cid, block, { reservation: room.reservation, given })
  if (given) discard(block)
  return block
}

export interface SmallBlock extends WantedBlock {
  readonly sizeHint: number
}

export interface BatchOptions {
  readonly signal: AbortSignal
  /** Told of each block once it is durable. */
  onHeld(block: WantedBlock, bytes: number): void
}

interface Arrival extends WantedBlock {
  readonly wanted: WantedBlock
  readonly bytes: Uint8Array
}

/**
 * Fetches small blocks that nobody reads together, and stores each with those that come in the same turn. What has come is
 * stored, whatever becomes of the others.
 */
export async function downloadTogether(
  session: ExchangeSession,
  wanted: readonly SmallBlock[],
  options: BatchOptions,
  dependencies: DownloadDependencies,
): Promise<void> {
  const failure = new AbortController()
  const signal = AbortSignal.any([options.signal, failure.signal])
  const bytes = wanted.reduce((sum, { sizeHint }) => sum + sizeHint, 0)
  using room = new Room({ bytes, blocks: wanted.length, signal }, dependencies)
  const puts: Promise<void>[] = []
  let arrived: Arrival[] = []
  const store = async (): Promise<void> => {
    await null
    const blocks = arrived
    arrived = []
    try {
      await dependencies.storage.putAll(blocks, { reservation: room.reservation })
      for (const { wanted, bytes } of blocks) options.onHeld(wanted, bytes.length)
    } catch (error) {
      failure.abort(error)
    }
  }
  try {
    await session.fetchAll(wanted, {
      signal,
      anyOrder: () => true,
      makeRoom: () => room.take(),
      onBlock(wanted, bytes) {
        if (arrived.length === 0) puts.push(store())
        arrived.push({ cid: wanted.cid, wanted, bytes })
      },
    })
  } finally {
    await Promise.all(puts)
  }
  failure.signal.throwIfAborted()
}

interface RoomOptions {
  /** Of all blocks together. */
  readonly bytes: number
  /** How many they are, where they are several. */
  readonly blocks?: number
  readonly signal?: AbortSignal
}

/** Memory and disk for blocks that are to come. */
class Room implements Disposable {
  readonly #options: RoomOptions
  readonly #dependencies: DownloadDependencies
  readonly #held: (Lease | Reservation)[] = []
  #reservation: Reservation | undefined
  #isOver = false

  constructor(options: RoomOptions, dependencies: DownloadDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  get reservation(): Reservation | undefined {
    return this.#reservation
  }

  async take(): Promise<() => void> {
    const { bytes, blocks, signal } = this.#options
    const { memory, storage } = this.#dependencies
    this.#hold(await memory.lease(bytes, { signal }))
    if (!this.#isOver) this.#reservation = this.#hold(await storage.reserve(bytes, { blocks, signal }))
    return () => this.#giveBack()
  }

  [Symbol.dispose](): void {
    this.#isOver = true
    this.#giveBack()
  }

  #giveBack(): void {
    this.#reservation = undefined
    for (const held of this.#held.splice(0)) held.release()
  }

  /** What comes when the room is given back already goes back at once. */
  #hold<T extends Lease | Reservation>(held: T): T {
    if (this.#isOver) held.release()
    else this.#held.push(held)
    return held
  }
}
