/** Ends with {@link ENDED} once its storage has failed in the midst of a transaction. Its argument is the directory. */
import { silentLogger } from '../../../core/logger.ts'
import type { LmdbStore } from '../../../core/storage/lmdb.ts'
import { openStorage } from '../../../core/storage/open.ts'
import { KIB, MIB } from './stores.ts'

const ENDED = 7

const [, , directory = ''] = process.argv
const { index, vault } = await openStorage(
  { directory, maxBytes: 256 * MIB, minFreeDiskBytes: 0, mapBytes: 64 * MIB },
  { log: silentLogger, onFatal: (_, idle) => void idle.then(() => process.exit(ENDED)) },
)
const bucket = vault.bucket('pins')
// The other environment is in the midst of one, too.
void vault.write(batch => batch.put(bucket, Buffer.from('key'), Buffer.alloc(KIB))).catch(() => undefined)
await index.write(() => (index as LmdbStore).fail(new Error('a page is damaged')))
