import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { byteKey } from '../byte-key.ts'
import type { Logger } from '../logger.ts'
import { isBlockOf } from './block-hash.ts'
import { BlockIndex, type NewBlock } from './block-index.ts'
import { emptyDirectory, syncDirectory } from './directory.ts'
import { problemOfIndex } from './index-check.ts'
import type { IndexEntry } from './index-entry.ts'
import { salvageIndex } from './index-salvage.ts'
import { LmdbStore } from './lmdb.ts'
import { LMDB_DATA_FILE } from './lmdb-file.ts'
import { lockDirectory } from './lock.ts'
import { formatOf, migrate } from './migrations.ts'
import { type SegmentFile, SegmentFiles } from './segment-files.ts'
import { MAX_BLOCK_BYTES, sizeClassOf, slotBytesOf, slotsPerSegment } from './size-classes.ts'
import { decodeSlotHeader } from './slot-header.ts'
import { emptyRecord } from './slots.ts'
import type { WaitOptions } from './storage.ts'

export interface RebuildOptions extends WaitOptions {
  readonly directory: string
  readonly mapBytes: number
  /** Default true: metadata and small blocks are taken over from the old index as far as that can be read. */
  readonly readOldIndex?: boolean
  /**
   * Default true: each block in a segment is read, and held only where it is what its hash says. Otherwise headers do, which is
   * much faster; blocks are looked at when they are read, as ever.
   */
  readonly readsBlocks?: boolean
  /** What is wrong with the old index, where that is known already. */
  readonly knownProblem?: string
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
  /** What is wrong with the old index, where something is: of its small blocks and metadata some may be lost. */
  readonly oldIndexProblem?: string
}

/** One transaction's worth. */
const BATCH_ENTRIES = 4096
/** How often the log tells how far it is. */
const PROGRESS_PERIOD_MS = 10_000

/**
 * {@link remakeIndex} for whoever doesn't hold the directory.
 *
 * @throws SkepError STORAGE_LOCKED, STORAGE_TOO_NEW, STORAGE_FULL, STORAGE_FAILED
 */
export async function rebuildIndex(
  options: RebuildOptions,
  dependencies: RebuildDependencies,
): Promise<RebuildReport> {
  const lock = await lockDirectory(options.directory)
  try {
    await finishRebuild(options.directory)
    return await remakeIndex(options, dependencies)
  } finally {
    await lock.release()
  }
}

/**
 * Makes the index again from the segments. Blocks that were deleted but whose slots were not used since come back, as
 * blocks nobody pinned. Works beside the old index and changes places with it at the end, so that a kill midway leaves
 * the old one. The old index is read, and never mapped, unless it is whole.
 *
 * @throws SkepError STORAGE_TOO_NEW, STORAGE_FULL, STORAGE_FAILED
 */
export async function remakeIndex(
  options: RebuildOptions,
  { log }: RebuildDependencies,
): Promise<RebuildReport> {
  const { directory, mapBytes, signal } = options
  await using undo = new AsyncDisposableStack()
  const draft = join(directory, 'index.draft')
  await emptyDirectory(draft)
  const store = openStore(draft, mapBytes)
  undo.defer(() => store.close())
  await migrate(store, 'index', log)
  const index = new BlockIndex(store)

  const path = join(directory, 'index', LMDB_DATA_FILE)
  const oldIndexProblem = options.knownProblem ?? (await problemOfOld(path, options, log))
  const isThere = existsSync(path) && options.readOldIndex !== false
  const kept = isThere
    ? await salvageIndex(path, oldIndexProblem === undefined, { store, index }, { ...(signal && { signal }) })
    : { inlineBlocks: 0, damaged: 0 }
  const found = await readSegments(index, options, log)

  await store.close()
  await changePlaces(directory)
  return {
    segments: found.segments,
    blocks: found.blocks,
    inlineBlocks: kept.inlineBlocks,
    damaged: kept.damaged + found.damaged,
    ...(oldIndexProblem !== undefined && { oldIndexProblem }),
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

/** What is wrong with the old index; undefined where it is whole, and of this format by then. */
async function problemOfOld(
  path: string,
  { directory, mapBytes, readOldIndex = true, signal }: RebuildOptions,
  log: Logger,
): Promise<string | undefined> {
  if (!readOldIndex) return 'asked not to read it'
  if (!existsSync(path)) return 'there is none'
  const problem = await problemOfIndex(path, { ...(signal && { signal }) })
  if (problem) return problem
  const store = openStore(join(directory, 'index'), mapBytes)
  try {
    if (formatOf(store, 'index') === undefined) return 'it has no format version'
    await migrate(store, 'index', log)
    return undefined
  } finally {
    await store.close()
  }
}

function openStore(directory: string, mapBytes: number): LmdbStore {
  return new LmdbStore({ directory, environment: 'index', mapBytes }, { onFatal: () => undefined })
}

interface SegmentsReport {
  readonly segments: number
  blocks: number
  damaged: number
}

async function readSegments(
  index: BlockIndex,
  options: RebuildOptions,
  log: Logger,
): Promise<SegmentsReport> {
  const files = new SegmentFiles(join(options.directory, 'segments'))
  const segments = (await files.list()).sort((a, b) => a.id - b.id)
  const report = { segments: segments.length, blocks: 0, damaged: 0 }
  const smallBlocks = index.counters().blocks
  let toldMs = performance.now()
  try {
    for (const [done, segment] of segments.entries()) {
      await index.store.write(batch => index.addSegment(batch, segment.id, emptyRecord(segment.sizeClass)))
      const blocks = await readBlocks(files, segment, options)
      report.damaged += blocks.damaged
      for (const batchBlocks of batchesOf(blocks.found)) {
        const fresh: NewBlock[] = []
        for (const block of batchBlocks) if (await takesPlace(index, files, block)) fresh.push(block)
        await index.store.write(batch => {
          index.removeBlocks(
            batch,
            fresh.map(({ hash }) => hash),
          )
          index.addBlocks(batch, fresh)
        })
      }
      report.blocks = index.counters().blocks - smallBlocks
      if (performance.now() - toldMs < PROGRESS_PERIOD_MS) continue
      toldMs = performance.now()
      log.info({ segments: done + 1, of: segments.length }, 'making the index again')
    }
  } finally {
    await files.close()
  }
  return report
}

/** A block that was deleted and stored again may lie in two slots: the first one that is whole keeps it. */
async function takesPlace(index: BlockIndex, files: SegmentFiles, block: NewBlock): Promise<boolean> {
  const held = index.entry(block.hash)
  if (!held) return true
  if (!held.slot || !block.slot) return false
  return !(await isWhole(files, held)) && (await isWhole(files, block))
}

async function isWhole(files: SegmentFiles, { slot, length, crc }: IndexEntry): Promise<boolean> {
  if (!slot) return false
  const file = { id: slot.segment, slotBytes: slotBytesOf(sizeClassOf(length)) }
  const bytes = await readable(files.readPayload(file, slot.position, length))
  return bytes.length === length && crc32(bytes) === crc
}

/** The blocks in one segment, each once. */
async function readBlocks(
  files: SegmentFiles,
  { id, sizeClass, bytes: fileBytes }: SegmentFile,
  { signal, readsBlocks = true }: RebuildOptions,
): Promise<{ found: NewBlock[]; damaged: number }> {
  const file = { id, slotBytes: slotBytesOf(sizeClass) }
  const found = new Map<string, NewBlock>()
  const slots = Math.min(slotsPerSegment(sizeClass), Math.ceil(fileBytes / file.slotBytes))
  let damaged = 0
  for (let position = 0; position < slots; position++) {
    signal?.throwIfAborted()
    const header = decodeSlotHeader(await readable(files.readHeader(file, position)))
    if (!header || header.length > MAX_BLOCK_BYTES || sizeClassOf(header.length) !== sizeClass) continue
    const { hash, length, crc } = header
    const block = { hash, length, crc, slot: { segment: id, position } }
    if (readsBlocks) {
      const bytes = await readable(files.readPayload(file, position, length))
      if (bytes.length !== length || crc32(bytes) !== crc || !isBlockOf(hash, bytes)) {
        damaged++
        continue
      }
    }
    const key = byteKey(hash)
    const before = found.get(key)
    if (!before || !(await isWhole(files, before))) found.set(key, block)
  }
  return { found: [...found.values()], damaged }
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
