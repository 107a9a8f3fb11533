import t from 'tap'
import { createMemoryStorage } from '../../../core/storage/memory.ts'
import { storageConformance } from '../../conformance/storage.ts'

t.test('the memory twin keeps what a storage promises', t =>
  storageConformance(t, { open: async maxBytes => createMemoryStorage({ maxBytes }) }),
)
