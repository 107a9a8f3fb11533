/** Keeps books in the store named on the command line: one entry saved, one not; then waits to be killed. */
import { silentLogger } from '../../../core/logger.ts'
import { Bookkeeping } from '../../../core/storage/bookkeeping.ts'
import { LmdbStore } from '../../../core/storage/lmdb.ts'

const [directory = ''] = process.argv.slice(2)
const HOUR_MS = 3_600_000
const store = new LmdbStore(
  { directory, environment: 'index', mapBytes: 1024 * 1024 },
  { onFatal: error => console.error(error) },
)
const books = new Bookkeeping({ periodMs: HOUR_MS }, { store, log: silentLogger })
const bucket = books.bucket('demo/books')
const put = (key: string, value: string): Promise<void> =>
  books.write(batch => batch.put(bucket, Buffer.from(key), Buffer.from(value)))
await put('early', 'saved')
await put('kept', 'old')
await books.save()
await put('late', 'unsaved')
await put('kept', 'new')
console.log('written')
process.stdin.resume()
