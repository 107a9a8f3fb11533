/** Builds a store of small blocks, and evicts them: what `evict.ts` measures. */
import { createHash, randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { create as createDigest } from 'multiformats/hashes/digest'
import { sha256 } from 'multiformats/hashes/sha2'
import { assemble } from '../../core/config/assemble.ts'
import type { SchemaTree } from '../../core/config/schema.ts'
import { createRootContainer, provide } from '../../core/container.ts'
import { createBlocks } from '../../core/content/blocks.ts'
import { createPins } from '../../core/content/pins.ts'
import { createEvents, Events } from '../../core/events.ts'
import { createHost } from '../../core/host/plugin-host.ts'
import { silentLogger } from '../../core/logger.ts'
import { createMetrics } from '../../core/metrics.ts'
import type { NetworkPort } from '../../core/network/network-port.ts'
import type { Plugin } from '../../core/plugin.ts'
import { createMemoryBudget } from '../../core/resources/byte-budget.ts'
import { Pins } from '../../core/services/pins.ts'
import { NodeState } from '../../core/state/node-state.ts'
import { BlockIndex } from '../../core/storage/block-index.ts'
import { openStorage } from '../../core/storage/open.ts'
import { type Evictor, Storage } from '../../core/storage/storage.ts'
import cachePlugin from '../../plugins/cache/index.ts'
import { answerLines } from './line-process.ts'
import { type Pauses, watchPauses } from './pauses.ts'

const MIB = 1024 * 1024
const BLOCK_BYTES = 100
const BLOCKS_PER_TRANSACTION = 8192
/** Adds that wait at a time, as many users of a node have. */
const WRITERS = 8
const POLL_MS = 50
/** As for a large file that is on its way: some tens of thousands of small blocks. */
const BYTES_AT_A_TIME = 16 * MIB

export interface Built {
  readonly blocks: number
}

interface Phase extends Pauses {
  readonly adds: number
}

export interface Evicted {
  /** The cache gets to know what is there. */
  readonly adoption: Pauses
  readonly before: Phase
  readonly during: Phase
  readonly evictedBlocks: number
}

const open = (directory: string): Promise<Storage> =>
  openStorage(
    { directory, maxBytes: 64 * 1024 * MIB, minFreeDiskBytes: 0, mapBytes: 16 * 1024 * MIB },
    { log: silentLogger },
  )

function blockOf(bytes: Uint8Array): { hash: Uint8Array; bytes: Uint8Array } {
  return { hash: createDigest(sha256.code, createHash('sha256').update(bytes).digest()).bytes, bytes }
}

/** In the order of the keys and many to a transaction: the fastest way into a B-tree. */
async function build({ directory, blocks }: { directory: string; blocks: number }): Promise<Built> {
  const storage = await open(directory)
  const index = new BlockIndex(storage.index)
  const all = Array.from({ length: blocks }, (_, at) => {
    const bytes = Buffer.alloc(BLOCK_BYTES)
    bytes.writeUInt32BE(at)
    return blockOf(bytes)
  }).sort((a, b) => Buffer.compare(a.hash, b.hash))
  for (let at = 0; at < all.length; at += BLOCKS_PER_TRANSACTION) {
    const entries = all.slice(at, at + BLOCKS_PER_TRANSACTION).map(({ hash, bytes }) => ({
      hash,
      length: bytes.length,
      crc: crc32(bytes),
      slot: undefined,
      inlineBytes: bytes,
    }))
    await storage.index.write(batch => index.addBlocks(batch, entries))
  }
  await storage.close()
  return { blocks }
}

async function evict({ directory, seconds }: { directory: string; seconds: number }): Promise<Evicted> {
  const storage = await open(directory)
  const { evictor, trackedBlocks, stop } = await startCache(storage)

  const adopting = watchPauses()
  for (let seen = -1; seen !== (await trackedBlocks()); await setTimeout(POLL_MS))
    seen = await trackedBlocks()
  const adoption = adopting.end()

  const before = await whileAdding(storage, () => setTimeout(seconds * 1000))
  const { blocks: held } = storage.blocks.stats()
  let evictedBlocks = 0
  const during = await whileAdding(storage, async adds => {
    for (let freedBytes = 1; freedBytes > 0 && evictedBlocks < held; ) {
      freedBytes = await evictor.evict(BYTES_AT_A_TIME)
      evictedBlocks = held + adds() - storage.blocks.stats().blocks
    }
  })
  await stop()
  await storage.close()
  return { adoption, before, during, evictedBlocks }
}

async function whileAdding({ blocks }: Storage, work: (adds: () => number) => Promise<void>): Promise<Phase> {
  const pauses = watchPauses()
  let adds = 0
  let isOver = false
  const add = async (): Promise<void> => {
    while (!isOver) {
      const { hash, bytes } = blockOf(randomBytes(BLOCK_BYTES))
      await blocks.put(CID.createV1(raw.code, createDigest(sha256.code, hash.subarray(2))), bytes)
      adds += 1
    }
  }
  const adding = Array.from({ length: WRITERS }, add)
  await work(() => adds)
  const measured = pauses.end()
  const phase = { ...measured, adds }
  isOver = true
  await Promise.all(adding)
  return phase
}

/** The cache plugin as a node runs it; tells which evictor it attaches. */
async function startCache(storage: Storage): Promise<{
  evictor: Evictor
  trackedBlocks(): Promise<number>
  stop(): Promise<void>
}> {
  const attached: Evictor[] = []
  const blocks = storage.blocks
  const watched: Storage = {
    ...storage,
    blocks: new Proxy(blocks, {
      get(target, name) {
        if (name === 'attachEvictor') {
          return (evictor: Evictor) => {
            attached.push(evictor)
            return target.attachEvictor(evictor)
          }
        }
        const value = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    }),
  }
  const container = createRootContainer()
  const events = createEvents(() => {})
  const metrics = createMetrics(() => {})
  const pins = createPins({
    storage,
    blocks: createBlocks({ storage: blocks, memory: createMemoryBudget(32 * MIB), log: silentLogger }),
    events,
    log: silentLogger,
  })
  provide(container, Storage, watched)
  provide(container, Pins, pins)
  provide(container, Events, events)
  // All that the cache asks of it.
  provide(container, NodeState, {
    describe: () => () => {},
  } as unknown as NodeState)
  const plugin = cachePlugin as unknown as Plugin
  const config = assemble(plugin.schema as SchemaTree, new Map()) as object
  const host = createHost(
    {
      entries: [{ plugin, config, onFailure: 'abort' }],
      disabled: [],
      startTimeoutMs: 60_000,
      stopTimeoutMs: 60_000,
    },
    {
      container,
      log: silentLogger,
      metrics,
      // It has nothing to do with the network.
      portFor: () => ({ port: {} as NetworkPort, release: async () => {} }),
    },
  )
  await host.registerAll()
  await host.startAll({ signal: new AbortController().signal })
  const [evictor] = attached
  if (!evictor) throw new Error('the cache attached no evictor')
  return {
    evictor,
    async trackedBlocks() {
      return Number(/^skep_cache_tracked_blocks (\d+)$/m.exec(await metrics.text())?.[1])
    },
    stop: () => host.stopAll(),
  }
}

await answerLines({ build, evict })
