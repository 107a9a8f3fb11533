import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { messageOf } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { BlockIndex, type NewBlock } from './block-index.ts'
import { tableOf } from './buckets.ts'
import { emptyDirectory, syncDirectory } from './directory.ts'
import { LmdbStore } from './lmdb.ts'
import { LMDB_DATA_FILE } from './lmdb-file.ts'
import { lockDirectory } from './lock.ts'
import { formatOf, migrate } from './migrations.ts'
import { type SegmentFile, SegmentFiles } from './segment-files.ts'
import { MAX_BLOCK_BYTES, sizeClassOf, slotBytesOf, slotsPerSegment } from './size-classes.ts'
import { decodeSlotHeader } from './slot-header.ts'
import { emptyRecord } from './slots.ts'
import type { Bucket, WaitOptions } from './storage.ts'

export interface RebuildOptions extends WaitOptions {
  readonly directory: string
  readonly mapBytes: number
  /** Default true: metadata and small blocks are taken over from the old index where it opens. */
  readonly readOldIndex?: boolean
  /** Checks a block's bytes against its multihash, beside the checksum. */
  verify?(hash: Uint8Array, bytes: Uint8Array): boolean
}

export interface RebuildDependencies {
  readonly log: Logger
}

export interface RebuildReport {
  readonly segments: number
  /** Blocks found in slots. */
  readonly blocks: number
  /** Small blocks taken over from the old index. */
  readonly inlineBlocks: number
  /** Blocks that failed their checksum or verification: no longer held. */
  readonly damaged: number
  /** Why nothing was taken over from the old index, where nothing was. */
  readonly oldIndexProblem?: string
}

/** One transaction's worth. */
const BATCH_ENTRIES = 256
/**
 * Tables that aren't taken over. The segments tell most of them anew, and the next start counts the pins anew: the old
 * counts would say of blocks that are lost now that they are held.
 */
const REMADE = [
  ...['meta', 'blocks', 'inline-blocks', 'segments', 'quarantine'],
  ...['pin-roots', 'pin-counts', 'pin-links', 'pin-queue', 'pin-damaged'],
].map(name => tableOf(name, 'index'))

/**
 * Makes the index again from the segments. Blocks that were deleted but whose slots were not used since come back, as
 * blocks nobody pinned. Works beside the old index and changes places with it at the end, so that a kill midway leaves
 * the old one.
 *
 * @throws SkepError STORAGE_LOCKED, STORAGE_TOO_NEW, STORAGE_FULL, STORAGE_FAILED
 */
export async function rebuildIndex(
  options: RebuildOptions,
  { log }: RebuildDependencies,
): Promise<RebuildReport> {
  const { directory } = options
  await using undo = new AsyncDisposableStack()
  const lock = await lockDirectory(directory)
  undo.defer(() => lock.release())
  await finishRebuild(directory)

  const draft = join(directory, 'index.draft')
  await emptyDirectory(draft)
  const store = openStore(draft, options.mapBytes)
  undo.defer(() => store.close())
  await migrate(store, 'index', log)
  const index = new BlockIndex(store)

  const old = await openOld(options, log)
  if (old instanceof LmdbStore) undo.defer(() => old.close())
  const kept =
    old instanceof LmdbStore ? await takeOver(old, store, index, options) : { inlineBlocks: 0, damaged: 0 }
  const found = await readSegments(index, options)

  if (old instanceof LmdbStore) await old.close()
  await store.close()
  await changePlaces(directory)
  return {
    segments: found.segments,
    blocks: found.blocks,
    inlineBlocks: kept.inlineBlocks,
    damaged: kept.damaged + found.damaged,
    ...(typeof old === 'string' && { oldIndexProblem: old }),
  }
}

/** Ends the change of places where a kill cut it short, and removes drafts. The caller holds the lock. */
export async function finishRebuild(directory: string): Promise<void> {
  const [index, draft, old] = placesOf(directory)
  // The old index leaves its place only when the draft is whole.
  if (!existsSync(index) && existsSync(old)) await rename(existsSync(draft) ? draft : old, index)
  await rm(old, { recursive: true, force: true })
  await rm(draft, { recursive: true, force: true })
}

/** The draft of an index, whole and flushed, takes the place of the index. */
export async function changePlaces(directory: string): Promise<void> {
  const [index, draft, old] = placesOf(directory)
  if (existsSync(index)) await rename(index, old)
  await rename(draft, index)
  await syncDirectory(directory)
  await rm(old, { recursive: true, force: true })
}

function placesOf(directory: string): [index: string, draft: string, old: string] {
  return [join(directory, 'index'), join(directory, 'index.draft'), join(directory, 'index.old')]
}

/** The old index, or why there is none to read. */
async function openOld(
  { directory, mapBytes, readOldIndex = true }: RebuildOptions,
  log: Logger,
): Promise<LmdbStore | string> {
  if (!readOldIndex) return 'asked not to read it'
  const path = join(directory, 'index')
  if (!existsSync(join(path, LMDB_DATA_FILE))) return 'there is none'
  let store: LmdbStore
  try {
    store = openStore(path, mapBytes)
  } catch (error) {
    return messageOf(error)
  }
  if (formatOf(store, 'index') !== undefined) {
    await migrate(store, 'index', log)
    return store
  }
  await store.close()
  return 'it has no format version'
}

function openStore(directory: string, mapBytes: number): LmdbStore {
  return new LmdbStore({ directory, environment: 'index', mapBytes }, { onFatal: () => undefined })
}

/** Copies metadata as it is, and small blocks whose checksum holds. */
async function takeOver(
  old: LmdbStore,
  store: LmdbStore,
  index: BlockIndex,
  { signal, verify }: RebuildOptions,
): Promise<{ inlineBlocks: number; damaged: number }> {
  for (const table of old.tables().filter(name => !REMADE.includes(name))) {
    for (const entries of batchesOf(old.table(table).entries())) {
      signal?.throwIfAborted()
      const target: Bucket = store.table(table)
      await store.write(batch => {
        for (const [key, value] of entries) batch.put(target, key, value)
      })
    }
  }
  const oldIndex = new BlockIndex(old)
  let inlineBlocks = 0
  let damaged = 0
  for (const entries of batchesOf(old.bucket('inline-blocks').entries())) {
    signal?.throwIfAborted()
    const whole = entries.filter(([hash, bytes]) => {
      const entry = oldIndex.entry(hash)
      return entry?.slot === undefined && entry?.crc === crc32(bytes) && (verify?.(hash, bytes) ?? true)
    })
    await store.write(batch =>
      index.addBlocks(
        batch,
        whole.map(([hash, bytes]) => ({
          hash,
          length: bytes.length,
          crc: crc32(bytes),
          slot: undefined,
          inlineBytes: bytes,
        })),
      ),
    )
    inlineBlocks += whole.length
    damaged += entries.length - whole.length
  }
  return { inlineBlocks, damaged }
}

async function readSegments(
  index: BlockIndex,
  options: RebuildOptions,
): Promise<{ segments: number; blocks: number; damaged: number }> {
  const files = new SegmentFiles(join(options.directory, 'segments'))
  const segments = (await files.list()).sort((a, b) => a.id - b.id)
  const count = { segments: segments.length, blocks: 0, damaged: 0 }
  try {
    for (const segment of segments) {
      await index.store.write(batch => index.addSegment(batch, segment.id, emptyRecord(segment.sizeClass)))
      const blocks = await readBlocks(files, segment, options)
      count.damaged += blocks.damaged
      for (const batchBlocks of batchesOf(blocks.whole)) {
        // A block that was deleted and stored again may lie in two slots: the first one found keeps it.
        const fresh = batchBlocks.filter(({ hash }) => index.entry(hash) === undefined)
        await index.store.write(batch => index.addBlocks(batch, fresh))
        count.blocks += fresh.length
      }
    }
  } finally {
    await files.close()
  }
  return count
}

/** The blocks in one segment, each once. */
async function readBlocks(
  files: SegmentFiles,
  { id, sizeClass }: SegmentFile,
  { signal, verify }: RebuildOptions,
): Promise<{ whole: NewBlock[]; damaged: number }> {
  const file = { id, slotBytes: slotBytesOf(sizeClass) }
  const whole = new Map<string, NewBlock>()
  let damaged = 0
  for (let position = 0; position < slotsPerSegment(sizeClass); position++) {
    signal?.throwIfAborted()
    const header = decodeSlotHeader(await readable(files.readHeader(file, position)))
    if (!header || header.length > MAX_BLOCK_BYTES || sizeClassOf(header.length) !== sizeClass) continue
    const { hash, length, crc } = header
    const bytes = await readable(files.readPayload(file, position, length))
    const holds = bytes.length === length && crc32(bytes) === crc && (verify?.(hash, bytes) ?? true)
    if (holds)
      whole.set(Buffer.from(hash).toString('latin1'), { hash, length, crc, slot: { segment: id, position } })
    else damaged++
  }
  return { whole: [...whole.values()], damaged }
}

/** A sector that can't be read is no bytes. */
async function readable(bytes: Promise<Uint8Array>): Promise<Uint8Array> {
  return bytes.catch(error => {
    if (error instanceof Error && 'code' in error && error.code === 'EIO') return new Uint8Array()
    throw error
  })
}

function* batchesOf<T>(items: Iterable<T>): Generator<T[]> {
  let batch: T[] = []
  for (const item of items) {
    batch.push(item)
    if (batch.length < BATCH_ENTRIES) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
