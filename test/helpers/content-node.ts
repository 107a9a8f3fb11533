import { setImmediate as nextTurn } from 'node:timers/promises'
import type { CID } from 'multiformats/cid'
import { createBlocks } from '../../core/content/blocks.ts'
import type { Content, ImportEntry } from '../../core/content/content.ts'
import { type ContentSettings, createContent } from '../../core/content/create-content.ts'
import { createPins, type PinKeeper, type PinsSettings } from '../../core/content/pins.ts'
import { defineErrors } from '../../core/errors.ts'
import { createEvents, type Events } from '../../core/events.ts'
import { silentLogger } from '../../core/logger.ts'
import { createMemoryBudget, type MemoryBudget } from '../../core/resources/byte-budget.ts'
import type { Blocks } from '../../core/services/blocks.ts'
import type { Exchange, ExchangeSession } from '../../core/services/exchange.ts'
import { createMemoryStorage } from '../../core/storage/memory.ts'
import type { Storage } from '../../core/storage/storage.ts'

const MIB = 1024 * 1024

export interface TestNode {
  readonly storage: Storage
  readonly memory: MemoryBudget
  readonly events: Events
  readonly blocks: Blocks
  readonly pins: PinKeeper
  readonly content: Content
}

export interface TestNodeOptions extends ContentSettings, PinsSettings {
  readonly maxBytes?: number
  readonly memoryBytes?: number
  /** What another node had, to open it again. */
  readonly storage?: Storage
}

/** The content part of a node over storage in memory. */
export function createTestNode(options: TestNodeOptions = {}): TestNode {
  const storage = options.storage ?? createMemoryStorage({ maxBytes: options.maxBytes ?? 512 * MIB })
  const memory = createMemoryBudget(options.memoryBytes ?? 32 * MIB)
  const events = createEvents(error => {
    throw error
  })
  const blocks = createBlocks({ storage: storage.blocks, memory, log: silentLogger })
  const pins = createPins({ storage, blocks, events, log: silentLogger }, options)
  return {
    storage,
    memory,
    events,
    blocks,
    pins,
    content: createContent({ storage, blocks, pins, memory }, options),
  }
}

/** An exchange whose only peer is a block store. `onFetch` may delay a block, or refuse it by throwing. */
export function exchangeWith(
  source: Storage,
  onFetch: (cid: CID, signal?: AbortSignal) => unknown = () => {},
): Exchange & { readonly fetched: string[]; readonly open: number } {
  const fetched: string[] = []
  let open = 0
  return {
    fetched,
    get open() {
      return open
    },
    session() {
      open += 1
      return exchangeSession(
        async (cid, { signal, makeRoom } = {}) => {
          signal?.throwIfAborted()
          await makeRoom?.()
          signal?.throwIfAborted()
          fetched.push(cid.toString())
          await onFetch(cid, signal)
          if (!source.blocks.has(cid)) throw unavailable(cid)
          return source.blocks.get(cid)
        },
        async () => {
          open -= 1
        },
      )
    },
  }
}

/** A session that fetches many blocks one by one, all at once. */
export function exchangeSession(
  fetch: ExchangeSession['fetch'],
  close: () => Promise<void> = async () => undefined,
): ExchangeSession {
  return {
    fetch,
    async fetchAll(wanted, { onBlock, makeRoom, ...options }) {
      let making: Promise<() => void> | undefined
      const makeOnce = (): Promise<() => void> => {
        const made = making ?? makeRoom?.() ?? Promise.resolve(() => undefined)
        making = made
        return made
      }
      const fetches = wanted.map(async block => {
        const { cid, sizeHint } = block
        onBlock(block, await fetch(cid, { ...options, sizeHint, makeRoom: makeOnce }))
      })
      await Promise.all(fetches)
    },
    [Symbol.asyncDispose]: close,
  }
}

export function unavailable(cid: CID): Error {
  return blockUnavailable('BLOCK_UNAVAILABLE', `nobody has ${cid}: asked 1 peer`)
}

const blockUnavailable = defineErrors({ BLOCK_UNAVAILABLE: 'Connect to a peer that has it.' })

/** Fires when `signal` aborts, with its reason. */
export function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    if (signal?.aborted) reject(signal.reason)
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

/** Lets the event loop turn until `condition` holds: for what goes on in the background of this process. */
export async function turnsUntil(condition: () => boolean): Promise<void> {
  while (!condition()) await nextTurn()
}

/** Deterministic bytes that compress and repeat as little as random ones. */
export function pattern(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = seed >>> 0 || 1
  for (let at = 0; at < length; at++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[at] = state
  }
  return bytes
}

export async function* streamOf(bytes: Uint8Array, pieceBytes = 64 * 1024): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
}

export async function* entriesFrom(entries: Iterable<ImportEntry>): AsyncGenerator<ImportEntry> {
  yield* entries
}

export async function* fileOf(bytes: Uint8Array): AsyncGenerator<ImportEntry> {
  yield { type: 'file', path: '', bytes: streamOf(bytes) }
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

export async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await collect(chunks))
}
