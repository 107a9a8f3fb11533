import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { isSkepError, messageOf } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { QuotaBlockStore } from './block-store.ts'
import { BOOKKEEPING_PERIOD_MS, Bookkeeping } from './bookkeeping.ts'
import { takeCensus } from './census.ts'
import { syncDirectory } from './directory.ts'
import { DiskAccount, MIN_STORE_BYTES, otherBytesIn } from './disk-account.ts'
import { DiskReserve } from './disk-reserve.ts'
import { DiskRoom } from './disk-room.ts'
import { DiskShelf } from './disk-shelf.ts'
import { storageError } from './errors.ts'
import { problemOfIndex } from './index-check.ts'
import type { LmdbStore } from './lmdb.ts'
import { LMDB_DATA_FILE } from './lmdb-file.ts'
import { lockDirectory } from './lock.ts'
import { openSoundIndex } from './open-index.ts'
import { finishRebuild } from './rebuild.ts'
import { RunMarker } from './run-marker.ts'
import { SealedSegments } from './sealed-segments.ts'
import { SegmentFiles } from './segment-files.ts'
import type { Storage } from './storage.ts'
import { Vault } from './vault.ts'
import { WriteProof } from './write-proof.ts'

export interface StorageOptions {
  /** Made where it isn't there. */
  readonly directory: string
  /** Bound of what the directory takes on disk, as `du` counts it. */
  readonly maxBytes: number
  /** Free bytes of the file system that blocks leave to others. */
  readonly minFreeDiskBytes: number
  /** Bound of the index: metadata and blocks under 32 KiB. */
  readonly mapBytes: number
  /** How often bookkeeping is saved. Default: {@link BOOKKEEPING_PERIOD_MS}. */
  readonly bookkeepingPeriodMs?: number
}

export interface StorageDependencies {
  readonly log: Logger
  /**
   * Called once where the disk failed under a write or sync. From then on every write fails, and the process should exit: only
   * a fresh start sees what the disk really holds. It has to wait for `idle`, which resolves soon, whatever the disk does: the
   * exit of a process waits for the thread that writes, and in the midst of a transaction that thread waits for JavaScript.
   * Default: none beside the log line.
   */
  onFatal?(error: Error, idle: Promise<void>): void
  /** Monotonic. */
  nowMs?(): number
}

/**
 * Part of the index that blocks leave to what else is written there: what is known of their use and their pins must
 * still fit when blocks fill the rest.
 */
const INDEX_RESERVE_SHARE = 1 / 16
/** The order of use of the thousands of blocks that can be on their way, many times over. */
const MAX_INDEX_RESERVE_BYTES = 64 * 1024 * 1024
/** A transaction that takes longer hangs in the disk, and so will the exit. */
const MAX_IDLE_WAIT_MS = 5000

/**
 * Opens all that a node keeps on disk, or makes it. This process holds the directory until `close`.
 *
 * @throws SkepError STORAGE_LOCKED, STORAGE_TOO_NEW, STORAGE_UNREADABLE, STORAGE_FULL, STORAGE_FAILED
 */
export async function openStorage(
  options: StorageOptions,
  dependencies: StorageDependencies,
): Promise<Storage> {
  const { directory } = options
  const { log, nowMs = () => performance.now() } = dependencies
  const proof = new WriteProof({ directory }, { nowMs })
  let hasFailed = false
  const environments: (LmdbStore | Vault)[] = []
  const onFatal = (error: Error): void => {
    if (hasFailed) return
    hasFailed = true
    proof.failed()
    log.fatal({ err: error }, 'the disk failed: nothing more is written')
    for (const environment of environments) environment.fail(error)
    const idle = Promise.all(environments.map(environment => environment.idle()))
    const patience = setTimeout(MAX_IDLE_WAIT_MS, undefined, { ref: false })
    dependencies.onFatal?.(
      error,
      Promise.race([idle, patience]).then(() => undefined),
    )
  }
  return unwinding(directory, async undo => {
    if (options.maxBytes < MIN_STORE_BYTES) {
      throw storageError(
        'STORAGE_FULL',
        `a store of ${options.maxBytes} bytes has no room for blocks beside what it needs itself: give it at least ${MIN_STORE_BYTES}`,
      )
    }
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const lock = await lockDirectory(directory)
    undo.defer(() => lock.release())
    const marker = await RunMarker.set(directory)
    let isClosedWell = false
    undo.defer(async () => {
      if (isClosedWell) await marker.clear()
    })
    await finishRebuild(directory)

    let account: DiskAccount | undefined
    const growthRoomBytes = (): number => account?.growthRoomBytes() ?? Number.POSITIVE_INFINITY
    const files = new SegmentFiles(join(directory, 'segments'))
    undo.defer(() => files.close())
    const sealed = new SealedSegments(join(directory, 'sealed-segments'))
    await sealed.load(log)
    const { index, blockIndex, fileBytes, unknownBytes, repairs } = await openSoundIndex(
      { ...options, isSuspect: marker.wasLeft },
      { log, onFatal, onCommit: outcome => proof[outcome](), growthRoomBytes, files, sealed },
    )
    undo.defer(() => index.close())
    environments.push(index)

    const vault = await Vault.open(
      { directory },
      // What the vault gets, its next snapshot gets, too.
      { log, onFatal, nowMs, growthRoomBytes: () => growthRoomBytes() / 2 },
    )
    undo.defer(() => vault.close())
    environments.push(vault)
    // The names of what was made just now: a flush of a file is no promise that its name lasts.
    for (const place of ['index', 'vault', '.']) await syncDirectory(join(directory, place))
    const room = new DiskRoom({ directory, minFreeBytes: options.minFreeDiskBytes }, { nowMs })
    await room.roomBytes()
    const reserve = new DiskReserve(join(directory, 'reserve'))
    await reserve.fill()
    const indexReserveBytes = Math.min(MAX_INDEX_RESERVE_BYTES, options.mapBytes * INDEX_RESERVE_SHARE)
    const indexRoomBytes = (wanted: number): number =>
      index.roomBytes(wanted + indexReserveBytes) - indexReserveBytes
    const otherBytes = (await otherBytesIn(directory)) + unknownBytes
    account = new DiskAccount({ maxBytes: options.maxBytes, otherBytes }, { index, vault })
    const shelf = new DiskShelf(
      { fileBytes },
      { account, index: blockIndex, files, sealed, room, indexRoomBytes, reserve, log, onFatal },
    )
    undo.defer(() => shelf.close())

    const bookkeeping = new Bookkeeping(
      { periodMs: options.bookkeepingPeriodMs ?? BOOKKEEPING_PERIOD_MS },
      { store: index, log },
    )
    undo.defer(() => bookkeeping.close())

    const blocks = new QuotaBlockStore({ maxBytes: options.maxBytes }, shelf)

    let closing: Promise<void> | undefined
    const held = undo.move()
    return {
      index,
      vault,
      bookkeeping,
      blocks,
      census: () =>
        takeCensus({
          directory,
          index: blockIndex,
          indexBytes: () => index.usedBytes,
          vaultBytes: () => vault.usedBytes,
          quota: () => blocks.stats(),
        }),
      async probe(probeOptions) {
        // Nobody else asks while nothing is stored, and the health that was seen then would stay.
        await room.roomBytes()
        return proof.probe(index, probeOptions)
      },
      repairs: [...repairs, ...vault.repairs],
      async checkTables(waitOptions = {}) {
        const file = join(directory, 'index', LMDB_DATA_FILE)
        const checks = [
          { part: 'index', problem: await index.checkLive(() => problemOfIndex(file, waitOptions)) },
          { part: 'vault', problem: await vault.problem(waitOptions) },
        ]
        for (const { part, problem } of checks) {
          if (problem === undefined) continue
          const failure = storageError('STORAGE_FAILED', `the ${part} in ${directory} is damaged: ${problem}`)
          onFatal(failure)
          throw failure
        }
      },
      close() {
        isClosedWell = !hasFailed
        closing ??= held.disposeAsync()
        return closing
      },
    }
  })
}

/** Runs `open`; where it throws, undoes what it did so far and says what the directory has to do with it. */
async function unwinding<T>(directory: string, open: (undo: AsyncDisposableStack) => Promise<T>): Promise<T> {
  await using undo = new AsyncDisposableStack()
  try {
    return await open(undo)
  } catch (error) {
    if (isSkepError(error)) throw error
    throw storageError('STORAGE_UNREADABLE', `could not open ${directory}: ${messageOf(error)}`, {
      cause: error,
    })
  }
}
