import { cp, mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isSkepError, messageOf } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { emptyDirectory, syncDirectory, syncFile } from './directory.ts'
import { systemCodeOf } from './disk-error.ts'
import { storageError } from './errors.ts'
import { LmdbStore } from './lmdb.ts'
import { EIO } from './lmdb-error.ts'
import { LMDB_DATA_FILE } from './lmdb-file.ts'
import { formatOf, migrate } from './migrations.ts'
import { diskBytesOfFile } from './size-classes.ts'
import type { Bucket, KeyValueStore, WriteBatch } from './storage.ts'

export interface VaultOptions {
  /** Of the whole storage. */
  readonly directory: string
}

export interface VaultDependencies {
  readonly log: Logger
  onFatal(error: Error): void
  nowMs(): number
  /** As for `LmdbStore`. */
  growthRoomBytes?(): number
}

/** Reference counts of tens of millions of blocks fit; it is far below what a board can map. */
const VAULT_MAP_BYTES = 4 * 1024 * 1024 * 1024
/** Two to fall back on where the newest was made of a vault that was damaged already. */
const MAX_SNAPSHOTS = 3
/** A vault that changes all day costs four copies a day of flash wear. */
const SNAPSHOT_INTERVAL_MS = 6 * 60 * 60 * 1000

/**
 * What can't be made again. Copies itself to `vault-snapshots/` when it opens and, while it changes, every few hours;
 * where it doesn't open, the newest snapshot that does takes its place.
 */
export class Vault implements KeyValueStore {
  readonly #directory: string
  readonly #dependencies: VaultDependencies
  readonly #store: LmdbStore
  #snapshotMs: number
  #snapshot: Promise<void> = Promise.resolve()
  #snapshotBytes = 0

  private constructor(options: VaultOptions, dependencies: VaultDependencies, store: LmdbStore) {
    this.#directory = options.directory
    this.#dependencies = dependencies
    this.#store = store
    this.#snapshotMs = dependencies.nowMs()
  }

  static async open(options: VaultOptions, dependencies: VaultDependencies): Promise<Vault> {
    const store = await openOrRestore(options.directory, dependencies)
    try {
      await migrate(store, 'vault', dependencies.log)
      const vault = new Vault(options, dependencies, store)
      await vault.snapshot()
      return vault
    } catch (error) {
      await store.close()
      throw error
    }
  }

  bucket(name: string): Bucket {
    return this.#store.bucket(name)
  }

  /** What vault and snapshots take on disk, one in the making included. */
  get diskBytes(): number {
    return 2 * diskBytesOfFile(this.#store.fileBytes) + this.#snapshotBytes
  }

  /** Of the pages in use. */
  get usedBytes(): number {
    return this.#store.usedBytes
  }

  async write<T>(change: (batch: WriteBatch) => T): Promise<T> {
    const result = await this.#store.write(change)
    if (this.#dependencies.nowMs() - this.#snapshotMs >= SNAPSHOT_INTERVAL_MS) {
      // Beside the write: it is durable without.
      this.snapshot().catch(error =>
        this.#dependencies.log.error({ err: error }, 'could not make a vault snapshot'),
      )
    }
    return result
  }

  /** Copies what is committed, unless the newest copy has it; the oldest copies beyond the limit go. */
  snapshot(): Promise<void> {
    this.#snapshotMs = this.#dependencies.nowMs()
    this.#snapshot = this.#snapshot
      .catch(() => undefined)
      .then(async () => {
        await takeSnapshot(this.#store, this.#directory)
        this.#snapshotBytes = await bytesOfSnapshots(this.#directory)
      })
    return this.#snapshot
  }

  async close(): Promise<void> {
    await this.#snapshot.catch(() => undefined)
    await this.#store.close()
  }
}

async function takeSnapshot(store: LmdbStore, directory: string): Promise<void> {
  const snapshots = join(directory, 'vault-snapshots')
  await mkdir(snapshots, { recursive: true, mode: 0o700 })
  const [newest, ...older] = await listSnapshots(directory)
  const transaction = store.lastTransaction
  if (newest?.transaction === transaction) return
  const draft = join(snapshots, 'draft')
  await emptyDirectory(draft)
  await store.copyTo(draft)
  await syncFile(join(draft, LMDB_DATA_FILE))
  await syncDirectory(draft)
  await rename(draft, join(snapshots, nameOf({ number: (newest?.number ?? 0) + 1, transaction })))
  await syncDirectory(snapshots)
  for (const { name } of older.slice(MAX_SNAPSHOTS - 2)) {
    await rm(join(snapshots, name), { recursive: true, force: true })
  }
}

async function openOrRestore(directory: string, dependencies: VaultDependencies): Promise<LmdbStore> {
  const path = join(directory, 'vault')
  const snapshots = await listSnapshots(directory)
  const problem = await openStore(path, dependencies, snapshots.length > 0)
  if (problem instanceof LmdbStore) return problem
  if (!isDamage(problem)) throw unreadable(path, problem)
  for (const { name } of snapshots) {
    await restore(directory, name)
    const store = await openStore(path, dependencies, true)
    if (store instanceof LmdbStore) {
      dependencies.log.error(
        { err: problem, snapshot: name, damaged: `${path}.damaged` },
        'the vault did not open and was restored from a snapshot: pins made since then are lost',
      )
      return store
    }
  }
  throw unreadable(path, problem)
}

function unreadable(path: string, cause: Error): Error {
  return isSkepError(cause, 'STORAGE_FULL')
    ? cause
    : storageError('STORAGE_UNREADABLE', `the vault in ${path} does not open: ${messageOf(cause)}`, { cause })
}

/** True where the file is at fault. Of a file that may not be opened, or not now, a snapshot would lose what is newer. */
function isDamage(problem: Error): boolean {
  if (isSkepError(problem)) return problem.code === 'STORAGE_UNREADABLE'
  const code = systemCodeOf(problem)
  // LMDB's own numbers are negative, the system's positive.
  return ['', 'ENOENT', 'EIO', String(EIO)].includes(code) || code.startsWith('-')
}

/** The open vault, or why it doesn't open. An empty one counts as lost where there were pins before. */
async function openStore(
  path: string,
  { onFatal, growthRoomBytes }: VaultDependencies,
  hadContent: boolean,
): Promise<LmdbStore | Error> {
  try {
    if (hadContent && (await stat(join(path, LMDB_DATA_FILE))).size === 0)
      return new Error('its file is empty')
    await mkdir(path, { recursive: true, mode: 0o700 })
    const store = new LmdbStore(
      { directory: path, environment: 'vault', mapBytes: VAULT_MAP_BYTES },
      { onFatal, growthRoomBytes },
    )
    if (!hadContent || formatOf(store, 'vault') !== undefined) return store
    await store.close()
    return new Error('it has no format version')
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

/** Puts a copy of a snapshot in the vault's place. What was there stays beside it, for whoever wants to look. */
async function restore(directory: string, snapshot: string): Promise<void> {
  const path = join(directory, 'vault')
  const draft = join(directory, 'vault.draft')
  await rm(draft, { recursive: true, force: true })
  await cp(join(directory, 'vault-snapshots', snapshot), draft, { recursive: true })
  await syncFile(join(draft, LMDB_DATA_FILE))
  await rm(`${path}.damaged`, { recursive: true, force: true })
  await rename(path, `${path}.damaged`).catch(() => undefined)
  await rename(draft, path)
  await syncDirectory(directory)
}

interface Snapshot {
  readonly name: string
  /** Counts up. No clock in it: a board may not have one. */
  readonly number: number
  /** The last transaction it holds. */
  readonly transaction: number
}

/** The snapshots there are, newest first. */
async function listSnapshots(directory: string): Promise<Snapshot[]> {
  const names = await readdir(join(directory, 'vault-snapshots')).catch(() => [])
  return names
    .flatMap(name => {
      const [, number, transaction] = /^(\d{8})-(\d+)$/.exec(name) ?? []
      return number && transaction ? [{ name, number: Number(number), transaction: Number(transaction) }] : []
    })
    .sort((a, b) => b.number - a.number)
}

async function bytesOfSnapshots(directory: string): Promise<number> {
  let bytes = 0
  for (const { name } of await listSnapshots(directory)) {
    // One that is damaged is passed over where it is needed; the vault itself needs none.
    const found = await stat(join(directory, 'vault-snapshots', name, LMDB_DATA_FILE)).catch(() => undefined)
    bytes += diskBytesOfFile(found?.size ?? 0)
  }
  return bytes
}

function nameOf({ number, transaction }: Omit<Snapshot, 'name'>): string {
  return `${String(number).padStart(8, '0')}-${transaction}`
}
