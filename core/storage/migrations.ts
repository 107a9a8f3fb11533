import type { Logger } from '../logger.ts'
import type { Environment } from './buckets.ts'
import { storageError } from './errors.ts'
import type { Bucket, KeyValueStore, WriteBatch } from './storage.ts'

/** One step from a format version to the next, in slices small enough for one transaction each. */
export interface Migration {
  /** The version it leads to; the one before is where it starts. */
  readonly to: number
  readonly name: string
  /** Does the slice that starts at `from` (undefined: the first). Gives back where the next one starts, or undefined at the end. */
  slice(store: KeyValueStore, batch: WriteBatch, from: Uint8Array | undefined): Uint8Array | undefined
}

/** From this format on a vault has a sum of its records. */
export const SUMMED_VAULT_FORMAT = 2

/** What this program writes. An older store is migrated when it opens; fixtures of all versions are in `test/fixtures/storage`. */
export const FORMAT_VERSIONS: Readonly<Record<Environment, number>> = { index: 1, vault: SUMMED_VAULT_FORMAT }

export const MIGRATIONS: Readonly<Record<Environment, readonly Migration[]>> = {
  index: [],
  vault: [
    // Whatever is written to a vault without a sum gives it one: `summed-store.ts`.
    { to: SUMMED_VAULT_FORMAT, name: 'a sum of all records', slice: () => undefined },
  ],
}

const META_BUCKETS: Readonly<Record<Environment, string>> = { index: 'meta', vault: 'vault-meta' }
export const FORMAT_KEY = Buffer.from('format')
const PROGRESS_KEY = Buffer.from('migration')

/** The format version of an environment, or undefined where it is new. */
export function formatOf(store: KeyValueStore, environment: Environment): number | undefined {
  const value = store.bucket(META_BUCKETS[environment]).get(FORMAT_KEY)
  return value && Buffer.from(value).readUInt32BE()
}

/**
 * Brings an environment to `version`: a new one is stamped, an older one migrated. Each slice commits together with the
 * note of where the next one starts, so that a kill midway resumes.
 *
 * @throws SkepError STORAGE_TOO_NEW, STORAGE_UNREADABLE where no migration leads on
 */
export async function migrate(
  store: KeyValueStore,
  environment: Environment,
  log: Logger,
  version: number = FORMAT_VERSIONS[environment],
  migrations: readonly Migration[] = MIGRATIONS[environment],
): Promise<void> {
  const meta = store.bucket(META_BUCKETS[environment])
  const found = formatOf(store, environment)
  if (found === undefined) return store.write(batch => stamp(batch, meta, version))
  if (found > version) {
    throw storageError(
      'STORAGE_TOO_NEW',
      `the ${environment} has format ${found}; this program knows formats up to ${version}`,
    )
  }
  for (let current = found; current < version; current++) {
    const migration = migrations.find(({ to }) => to === current + 1)
    if (!migration) {
      throw storageError(
        'STORAGE_UNREADABLE',
        `no migration leads from format ${current} of the ${environment} on`,
      )
    }
    log.info({ environment, to: migration.to }, `migrating the store: ${migration.name}`)
    while (await store.write(batch => runSlice(store, batch, meta, migration)));
  }
}

/** True where there is more to do. */
function runSlice(store: KeyValueStore, batch: WriteBatch, meta: Bucket, migration: Migration): boolean {
  const next = migration.slice(store, batch, meta.get(PROGRESS_KEY))
  if (next) batch.put(meta, PROGRESS_KEY, next)
  else {
    batch.delete(meta, PROGRESS_KEY)
    stamp(batch, meta, migration.to)
  }
  return next !== undefined
}

function stamp(batch: WriteBatch, meta: Bucket, version: number): void {
  const value = Buffer.alloc(4)
  value.writeUInt32BE(version)
  batch.put(meta, FORMAT_KEY, value)
}
