/** A store under load, with the cache that makes room in it: what `quota.ts` and `churn.ts` measure. */
import { randomFillSync, randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { decode } from 'multiformats/hashes/digest'
import { cidOf, verifyBlock } from '../../core/content/hashes.ts'
import { silentLogger } from '../../core/logger.ts'
import { createMetrics } from '../../core/metrics.ts'
import { openStorage } from '../../core/storage/open.ts'
import type { Storage } from '../../core/storage/storage.ts'
import { BlockCache } from '../../plugins/cache/block-cache.ts'
import { createCacheMetrics } from '../../plugins/cache/metrics.ts'
import { answerLines } from './line-process.ts'

const MIB = 1024 * 1024
/** As many as an import keeps on their way (`core/content/block-writer.ts`), by a tenth: a board has little memory. */
const WRITERS = 24
/** One in so many blocks is pinned, as long as there may be more of them. */
const PINNED_SHARE = 16
/** What a block's bytes are taken from; a number makes each another. */
const RANDOM_BYTES = 2 * MIB

/** The cache as it comes (`plugins/cache/config.ts`), but for its small bounds. */
const CACHE = {
  strategy: 'lru',
  headroomBytes: 8 * MIB,
  sliceBlocks: 128,
  sliceBytes: 16 * MIB,
  maxTrackedBlocks: 1_000_000,
  savePeriodMs: 60_000,
} as const

export interface LoadRequest {
  readonly op: 'load'
  /** One of them is picked for each block, all equally often. */
  readonly sizes: readonly number[]
  /** When to stop, whichever comes first. */
  readonly bytes?: number
  readonly seconds?: number
  readonly pinnedBytes?: number
}

export interface Load {
  readonly bytes: number
  readonly blocks: number
  readonly seconds: number
  /** What the process handed to `write` calls meanwhile (proc(5): io). */
  readonly writtenBytes: number
  readonly refused: number
}

export interface Checked {
  readonly pinned: number
  readonly lost: number
}

const random = randomFillSync(Buffer.alloc(RANDOM_BYTES))
const pinned = new Set<string>()
let counter = randomInt(2 ** 32)
let storage: Storage | undefined
let cache: BlockCache | undefined

const keyOf = (hash: Uint8Array): string => Buffer.from(hash).toString('latin1')

async function open({ directory, maxBytes }: { directory: string; maxBytes: number }): Promise<object> {
  storage = await openStorage(
    { directory, maxBytes, minFreeDiskBytes: 0, mapBytes: 16 * 1024 * MIB },
    { log: silentLogger },
  )
  cache = new BlockCache(CACHE, {
    blocks: storage.blocks,
    store: storage.bookkeeping,
    isPinned: hash => pinned.has(keyOf(hash)),
    mayBePinned: hash => pinned.has(keyOf(hash)),
    metrics: createCacheMetrics(createMetrics().factory('cache')),
    log: silentLogger,
    nowMs: () => performance.now(),
    randomSeed: () => randomInt(2 ** 31),
  })
  cache.attach()
  return {}
}

function opened(): Storage {
  if (!storage) throw new Error('no store is open')
  return storage
}

async function load({
  sizes,
  bytes = Number.POSITIVE_INFINITY,
  seconds = Number.POSITIVE_INFINITY,
  pinnedBytes = 0,
}: LoadRequest): Promise<Load> {
  const { blocks: store } = opened()
  const startedMs = performance.now()
  const writtenBefore = writtenBytes()
  const elapsed = (): number => (performance.now() - startedMs) / 1000
  const done = { bytes: 0, blocks: 0, refused: 0 }
  let begun = 0
  let pinnable = pinnedBytes
  const write = async (): Promise<void> => {
    while (begun < bytes && elapsed() < seconds) {
      const block = blockOf(sizes[randomInt(sizes.length)] ?? 0)
      begun += block.bytes.length
      const key = keyOf(block.cid.multihash.bytes)
      if (randomInt(PINNED_SHARE) === 0 && pinnable >= block.bytes.length) {
        pinnable -= block.bytes.length
        pinned.add(key)
      }
      try {
        await store.put(block.cid, block.bytes)
      } catch {
        pinned.delete(key)
        done.refused += 1
        continue
      }
      done.bytes += block.bytes.length
      done.blocks += 1
    }
  }
  await Promise.all(Array.from({ length: WRITERS }, write))
  return { ...done, seconds: elapsed(), writtenBytes: writtenBytes() - writtenBefore }
}

function blockOf(size: number): { cid: CID; bytes: Uint8Array } {
  const bytes = Buffer.from(random.subarray(0, size))
  bytes.writeUInt32LE(counter++ >>> 0)
  return { cid: cidOf(raw.code, bytes), bytes }
}

function writtenBytes(): number {
  return Number(/^wchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])
}

/** Reads all that was pinned. */
async function check(): Promise<Checked> {
  const { blocks } = opened()
  let lost = 0
  for (const key of pinned) {
    const cid = CID.createV1(raw.code, decode(Buffer.from(key, 'latin1')))
    const bytes = await blocks.get(cid).catch(() => undefined)
    if (!bytes || !verifyBlock(cid, bytes)) lost += 1
  }
  return { pinned: pinned.size, lost }
}

async function close(): Promise<object> {
  await cache?.detach()
  await storage?.close()
  return {}
}

await answerLines({ open, load, check, close })
