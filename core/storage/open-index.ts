import { existsSync, statSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isSkepError, messageOf } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { BlockIndex } from './block-index.ts'
import { systemCodeOf } from './disk-error.ts'
import { problemOfIndex } from './index-check.ts'
import { type LmdbDependencies, LmdbStore } from './lmdb.ts'
import { EIO } from './lmdb-error.ts'
import { LMDB_DATA_FILE } from './lmdb-file.ts'
import { formatOf, migrate } from './migrations.ts'
import { type RebuildReport, remakeIndex } from './rebuild.ts'
import type { SealedSegments } from './sealed-segments.ts'
import type { SegmentFiles } from './segment-files.ts'
import type { StorageRepair } from './storage.ts'
import { type SegmentLengths, tidySegments } from './tidy-segments.ts'

export interface OpenIndexOptions {
  readonly directory: string
  readonly mapBytes: number
  /** The last run ended badly: everything is looked at before LMDB opens it. */
  readonly isSuspect: boolean
}

export interface OpenIndexDependencies extends LmdbDependencies {
  readonly log: Logger
  readonly files: SegmentFiles
  readonly sealed: SealedSegments
}

export interface OpenIndex extends SegmentLengths {
  readonly index: LmdbStore
  readonly blockIndex: BlockIndex
  readonly repairs: readonly StorageRepair[]
}

/**
 * Opens the index and tidies the segments by it. Where it turns out to be damaged it is made again from the segments and what
 * can still be read of it, once.
 *
 * @throws SkepError STORAGE_UNREADABLE, STORAGE_TOO_NEW, STORAGE_FULL, STORAGE_FAILED
 */
export async function openSoundIndex(
  options: OpenIndexOptions,
  dependencies: OpenIndexDependencies,
): Promise<OpenIndex> {
  const problem = await problemBefore(options, dependencies)
  if (problem !== undefined) return remade(problem, options, dependencies)
  try {
    return { ...(await openIndex(options, dependencies)), repairs: [] }
  } catch (error) {
    if (!isDamage(error)) throw error
    return remade(messageOf(error), options, dependencies)
  }
}

/** What is wrong with the file, as far as is worth to be known before it is opened. */
async function problemBefore(
  { directory, isSuspect }: OpenIndexOptions,
  { files, log }: OpenIndexDependencies,
): Promise<string | undefined> {
  const path = join(directory, 'index', LMDB_DATA_FILE)
  if (!existsSync(path) || statSync(path).size === 0)
    return (await files.list()).length > 0 ? 'there is none' : undefined
  if (!isSuspect) return undefined
  const begunMs = performance.now()
  const problem = await problemOfIndex(path)
  const tookMs = Math.round(performance.now() - begunMs)
  log.info({ tookMs, problem }, 'the last run did not end as it should: the index was checked')
  return problem
}

async function remade(
  knownProblem: string,
  { directory, mapBytes }: OpenIndexOptions,
  dependencies: OpenIndexDependencies,
): Promise<OpenIndex> {
  const { log } = dependencies
  log.error({ problem: knownProblem }, 'the index is damaged: it is made again from the segments')
  const report = await remakeIndex({ directory, mapBytes, readsBlocks: false, knownProblem }, { log })
  const message = messageOfReport(knownProblem, report)
  log.warn({ ...report }, message)
  const opened = await openIndex({ directory, mapBytes }, dependencies)
  return { ...opened, repairs: [{ part: 'index', message, needsAttention: false }] }
}

function messageOfReport(problem: string, { blocks, inlineBlocks, damaged }: RebuildReport): string {
  const lost = damaged === 0 ? '' : `, ${damaged} or more small ones are lost`
  return `the index was damaged (${problem}) and was made again: ${blocks} blocks were found in segments, ${inlineBlocks} small ones in what was left of it${lost}; what is pinned and missing is fetched from peers`
}

async function openIndex(
  { directory, mapBytes }: Pick<OpenIndexOptions, 'directory' | 'mapBytes'>,
  { log, files, sealed, ...hooks }: OpenIndexDependencies,
): Promise<Omit<OpenIndex, 'repairs'>> {
  const path = join(directory, 'index')
  await mkdir(path, { recursive: true, mode: 0o700 })
  const index = new LmdbStore({ directory: path, environment: 'index', mapBytes }, hooks)
  try {
    if (formatOf(index, 'index') === undefined && (await files.list()).length > 0)
      throw new RangeError('it has no format version')
    await migrate(index, 'index', log)
    const blockIndex = new BlockIndex(index)
    blockIndex.checkCounters()
    return { index, blockIndex, ...(await tidySegments(blockIndex, files, sealed, log)) }
  } catch (error) {
    await index.close()
    throw error
  }
}

/** True where the file is at fault: LMDB says so by a negative number, what lies in it by being impossible. */
function isDamage(error: unknown): boolean {
  if (isSkepError(error)) return error.code === 'STORAGE_UNREADABLE' || isDamage(error.cause)
  if (error instanceof RangeError) return true
  const code = systemCodeOf(error)
  return ['EIO', String(EIO)].includes(code) || code.startsWith('-')
}
