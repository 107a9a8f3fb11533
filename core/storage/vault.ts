import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isSkepError, messageOf } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { emptyDirectory, syncDirectory, syncFile } from './directory.ts'
import { systemCodeOf } from './disk-error.ts'
import { storageError } from './errors.ts'
import { LmdbStore } from './lmdb.ts'
import { EIO } from './lmdb-error.ts'
import { LMDB_DATA_FILE } from './lmdb-file.ts'
import { migrate } from './migrations.ts'
import { diskBytesOfFile } from './size-classes.ts'
import type { Bucket, KeyValueStore, StorageRepair, WaitOptions, WriteBatch } from './storage.ts'
import { SummedStore } from './summed-store.ts'
import { problemOfVault, recordsOfDamaged } from './vault-check.ts'

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

/** Says in `vault.damaged/` what took its place. While it is there, somebody may miss something. */
const NOTE_FILE = 'restored.json'

/**
 * What can't be made again. Copies itself to `vault-snapshots/` when it opens and, while it changes, every few hours. Before it
 * opens, all of it is looked at, since LMDB crashes over damaged pages and believes what they say; where it isn't whole, the
 * newest snapshot that is takes its place.
 */
export class Vault implements KeyValueStore {
  readonly #directory: string
  readonly #dependencies: VaultDependencies
  readonly #store: LmdbStore
  readonly #summed: SummedStore
  /** What was restored, and not seen to yet. */
  readonly repairs: readonly StorageRepair[]
  #snapshotMs: number
  #snapshot: Promise<void> = Promise.resolve()
  #snapshotBytes = 0

  private constructor(
    options: VaultOptions,
    dependencies: VaultDependencies,
    store: LmdbStore,
    repairs: readonly StorageRepair[],
  ) {
    this.#directory = options.directory
    this.#dependencies = dependencies
    this.#store = store
    this.#summed = new SummedStore(store)
    this.repairs = repairs
    this.#snapshotMs = dependencies.nowMs()
  }

  static async open(options: VaultOptions, dependencies: VaultDependencies): Promise<Vault> {
    const store = await openOrRestore(options.directory, dependencies)
    try {
      const vault = new Vault(options, dependencies, store, await readNote(options.directory))
      await migrate(vault.#summed, 'vault', dependencies.log)
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
    const result = await this.#summed.write(change)
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

  /** What is wrong with it on disk, beside whatever is written meanwhile; undefined where it is whole. */
  problem(options: WaitOptions): Promise<string | undefined> {
    const file = join(this.#directory, 'vault', LMDB_DATA_FILE)
    return this.#store.checkLive(() => problemOfVault(file, options))
  }

  /** Nothing more is written. */
  fail(failure: Error): void {
    this.#store.fail(failure)
  }

  /** Resolves when no transaction is under way. */
  idle(): Promise<void> {
    return this.#store.idle()
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
  const problem = await problemOfVault(join(draft, LMDB_DATA_FILE))
  // Otherwise copies of a damaged vault would push out those that are whole.
  if (problem) {
    await rm(draft, { recursive: true, force: true })
    const failure = storageError('STORAGE_FAILED', `the vault is damaged: in a copy of it, ${problem}`)
    store.fail(failure)
    throw failure
  }
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
  const problem = await openWhole(path, dependencies, snapshots.length === 0)
  if (problem instanceof LmdbStore) return problem
  if (!isDamage(problem)) throw unreadable(path, problem)
  const renewed = await renew(directory, problem, dependencies)
  if (renewed) return renewed
  for (const { name } of snapshots) {
    const place = join(directory, 'vault-snapshots', name, LMDB_DATA_FILE)
    const flaw = await problemOfVault(place).catch(messageOf)
    if (flaw) {
      dependencies.log.warn({ snapshot: name, reason: flaw }, 'a snapshot of the vault is damaged, too')
      continue
    }
    const note = { snapshot: name, snapshotMs: (await stat(place)).mtimeMs, problem: messageOf(problem) }
    await restore(directory, note)
    const store = await openWhole(path, dependencies, false)
    if (store instanceof LmdbStore) {
      dependencies.log.error({ ...note, damaged: `${path}.damaged` }, messageOfNote(note))
      return store
    }
  }
  throw storageError(
    'VAULT_DAMAGED',
    `the vault in ${path} is damaged (${messageOf(problem)}), and none of its ${snapshots.length} snapshots in ${path}-snapshots is whole: all of them are left as they are`,
    { cause: problem },
  )
}

/** Moves all records to a new file, where damage spared them; undefined where it didn't. */
async function renew(
  directory: string,
  problem: Error,
  dependencies: VaultDependencies,
): Promise<LmdbStore | undefined> {
  const path = join(directory, 'vault')
  const records = await recordsOfDamaged(join(path, LMDB_DATA_FILE)).catch(() => undefined)
  if (!records) return undefined
  const draft = join(directory, 'vault.draft')
  await emptyDirectory(draft)
  const copy = openFile(draft, dependencies)
  try {
    const buckets = new Map(records.map(({ table }) => [table, copy.table(table)]))
    await copy.write(batch => {
      for (const { table, key, value } of records) {
        const bucket = buckets.get(table)
        if (bucket) batch.put(bucket, key, value)
      }
    })
  } finally {
    await copy.close()
  }
  const note = { problem: messageOf(problem) }
  await takePlace(directory, note)
  const store = await openWhole(path, dependencies, false)
  if (!(store instanceof LmdbStore)) return undefined
  dependencies.log.error({ ...note, damaged: `${path}.damaged` }, messageOfNote(note))
  return store
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

/** The open vault, or why it doesn't open. Only one that `isNew` may be empty: others had pins. */
async function openWhole(
  path: string,
  dependencies: VaultDependencies,
  isNew: boolean,
): Promise<LmdbStore | Error> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
    const file = join(path, LMDB_DATA_FILE)
    if (!isNew || (existsSync(file) && (await stat(file)).size > 0)) {
      const problem = await problemOfVault(file, { mayBeNew: isNew })
      if (problem) return new Error(problem)
    }
    return openFile(path, dependencies)
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

function openFile(directory: string, { onFatal, growthRoomBytes }: VaultDependencies): LmdbStore {
  return new LmdbStore(
    { directory, environment: 'vault', mapBytes: VAULT_MAP_BYTES },
    { onFatal, growthRoomBytes },
  )
}

/** What `vault.damaged/restored.json` says. */
interface Note {
  readonly problem: string
  /** Undefined: all records could still be read. */
  readonly snapshot?: string
  /** When it was made, by the board's clock. */
  readonly snapshotMs?: number
}

function messageOfNote({ snapshot, snapshotMs = 0, problem }: Note): string {
  if (snapshot === undefined) {
    return `the vault was damaged (${problem}), all its records could still be read, and are in a new file: nothing is missing`
  }
  const at = new Date(snapshotMs).toISOString()
  return `the vault was damaged (${problem}) and was restored from a snapshot, ${snapshot}: pins that were made or removed after ${at} are not in it. Pin again what is missing (\`skep pin ls\`), then remove vault.damaged in the data directory`
}

/** @throws SyntaxError, TypeError, RangeError for what is no note */
export function decodeNote(text: string): StorageRepair[] {
  const { problem, snapshot, snapshotMs } = JSON.parse(text)
  const note: Note = {
    problem: String(problem),
    ...(snapshot !== undefined && { snapshot: String(snapshot), snapshotMs }),
  }
  return [{ part: 'vault', message: messageOfNote(note), needsAttention: note.snapshot !== undefined }]
}

async function readNote(directory: string): Promise<StorageRepair[]> {
  try {
    return decodeNote(await readFile(join(directory, 'vault.damaged', NOTE_FILE), 'utf8'))
  } catch {
    // None there, or one that a power cut left half written: the log has told it, too.
    return []
  }
}

/** Puts a copy of a snapshot in the vault's place. */
async function restore(directory: string, note: Note & { readonly snapshot: string }): Promise<void> {
  const draft = join(directory, 'vault.draft')
  await rm(draft, { recursive: true, force: true })
  await cp(join(directory, 'vault-snapshots', note.snapshot), draft, { recursive: true })
  await syncFile(join(draft, LMDB_DATA_FILE))
  await takePlace(directory, note)
}

/** The draft of a vault, whole and flushed, takes its place. What was there stays beside it, for whoever wants to look. */
async function takePlace(directory: string, note: Note): Promise<void> {
  const path = join(directory, 'vault')
  if (existsSync(join(path, LMDB_DATA_FILE))) {
    await rm(`${path}.damaged`, { recursive: true, force: true })
    await rename(path, `${path}.damaged`)
  }
  await rm(path, { recursive: true, force: true })
  await mkdir(`${path}.damaged`, { recursive: true })
  await writeFile(join(`${path}.damaged`, NOTE_FILE), JSON.stringify(note), { mode: 0o600 })
  await rename(join(directory, 'vault.draft'), path)
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
