import { storageError } from './errors.ts'

export type Environment = 'index' | 'vault'

interface CoreBucket {
  /** Names the table on disk; never reused. */
  readonly id: number
  readonly environment: Environment
}

/**
 * The core's buckets. A bucket can be renamed, since only its id is on disk. To drop one, move its id to
 * {@link RETIRED_BUCKET_IDS} and delete its entries in a migration: a reused id would show old bytes as new ones.
 */
const CORE_BUCKETS = {
  meta: { id: 1, environment: 'index' },
  /** Where each block lies: `index-entry.ts`. */
  blocks: { id: 2, environment: 'index' },
  'inline-blocks': { id: 3, environment: 'index' },
  segments: { id: 4, environment: 'index' },
  quarantine: { id: 10, environment: 'index' },
  /** libp2p's peer store and whatever else wants an interface-datastore. */
  datastore: { id: 5, environment: 'index' },
  'pin-counts': { id: 6, environment: 'index' },
  'pin-links': { id: 7, environment: 'index' },
  'pin-queue': { id: 8, environment: 'index' },
  /** Roots that are counted: what was done of the vault's pins. */
  'pin-roots': { id: 9, environment: 'index' },
  'kept-ports': { id: 11, environment: 'index' },
  /** What was written to the disk so far; through the bookkeeping. */
  wear: { id: 12, environment: 'index' },
  /** Blocks that pins hold and that were found damaged, until they are stored again. */
  'pin-damaged': { id: 13, environment: 'index' },
  /** Who may not connect, as somebody asked at run time. */
  blocklist: { id: 14, environment: 'index' },
  /** Peers that were connected once; through the bookkeeping: `state/peer-shelf.ts`. */
  peers: { id: 15, environment: 'index' },
  /** What a user says that peers are worth: `state/peer-tags.ts`. */
  'peer-tags': { id: 16, environment: 'index' },
  'vault-meta': { id: 32, environment: 'vault' },
  pins: { id: 33, environment: 'vault' },
  /** The roster of the fleet, and what was done about it here: `fleet/membership.ts`. */
  fleet: { id: 34, environment: 'vault' },
  /** What lets programs ask by TCP, without its secrets: `control/tokens/`. */
  tokens: { id: 35, environment: 'vault' },
} as const satisfies Record<string, CoreBucket>

/** Ids that once were buckets. */
const RETIRED_BUCKET_IDS: readonly number[] = []

/** `<plugin>/<name>`, both kebab-case: a plugin's own, named on disk as it is here. */
const PLUGIN_BUCKET = /^[a-z][a-z0-9-]*\/[a-z][a-z0-9-]*$/

/** What fits twice into a page of 4 KiB, as LMDB asks of keys. */
const MAX_KEY_BYTES = 1978

/** @throws SkepError KEY_INVALID */
export function checkKey(key: Uint8Array): void {
  if (key.length >= 1 && key.length <= MAX_KEY_BYTES) return
  throw storageError('KEY_INVALID', `a key of ${key.length} bytes, not 1 to ${MAX_KEY_BYTES}`)
}

/** LMDB reserves room for that many tables when it opens; each costs under 100 bytes. */
export const MAX_BUCKETS = 256

/**
 * The table on disk that holds bucket `name` of `environment`.
 * @throws SkepError BUCKET_UNKNOWN
 */
export function tableOf(name: string, environment: Environment): string {
  const core = (CORE_BUCKETS as Readonly<Record<string, CoreBucket>>)[name]
  if (core?.environment === environment) return `#${core.id}`
  if (PLUGIN_BUCKET.test(name)) return name
  const where = core ? `lives in the ${core.environment}` : 'is neither a core bucket nor <plugin>/<name>'
  throw storageError('BUCKET_UNKNOWN', `no bucket '${name}' in the ${environment}: it ${where}`)
}

/** True where a bucket of `environment` can have this name on disk. */
export function isTableName(table: string, environment: Environment): boolean {
  const ids = Object.values(CORE_BUCKETS).filter(bucket => bucket.environment === environment)
  return PLUGIN_BUCKET.test(table) || ids.some(({ id }) => table === `#${id}`)
}

/** The reason why `buckets` and `retired` can't both hold, or undefined where all is well. */
export function bucketConflict(
  buckets: Readonly<Record<string, CoreBucket>> = CORE_BUCKETS,
  retired: readonly number[] = RETIRED_BUCKET_IDS,
): string | undefined {
  const owners = new Map<number, string>(retired.map(id => [id, 'a retired bucket']))
  for (const [name, { id }] of Object.entries(buckets)) {
    const owner = owners.get(id)
    if (owner) return `bucket '${name}' has id ${id} of ${owner}`
    owners.set(id, `'${name}'`)
  }
  return undefined
}
