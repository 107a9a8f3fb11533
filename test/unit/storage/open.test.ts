import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { silentLogger } from '../../../core/logger.ts'
import { openStorage } from '../../../core/storage/open.ts'
import { storageConformance } from '../../conformance/storage.ts'

t.test('the storage on disk keeps what a storage promises', t => {
  const parent = t.testdir()
  return storageConformance(t, {
    open: async maxBytes =>
      openStorage(
        {
          directory: await mkdtemp(join(parent, 'store-')),
          maxBytes,
          minFreeDiskBytes: 0,
          mapBytes: 64 * 1024 * 1024,
        },
        { log: silentLogger },
      ),
  })
})
