import { CID } from 'multiformats/cid'
import type { Test } from 'tap'
import type { Storage } from '../../core/storage/storage.ts'
import {
  aborts,
  block,
  checks,
  concurrentPuts,
  deletes,
  evicts,
  identityBlocks,
  inspects,
  keptBlocks,
  lists,
  puttingMany,
  quota,
  randomHistory,
  reservations,
} from './block-store.ts'
import { ranges, transactions } from './key-value-store.ts'

const RAW = 0x55
const MIB = 1024 * 1024

export interface StorageUnderTest {
  open(maxBytes: number): Promise<Storage>
}

/** What every storage promises, whatever it is made of. */
export async function storageConformance(t: Test, { open }: StorageUnderTest): Promise<void> {
  const using = (name: string, maxBytes: number, body: (t: Test, storage: Storage) => Promise<void>) =>
    t.test(name, async t => {
      const storage = await open(maxBytes)
      t.teardown(() => storage.close())
      await body(t, storage)
    })

  for (const environment of ['index', 'vault', 'bookkeeping'] as const) {
    await using(`${environment}: transactions`, 16 * MIB, async (t, storage) => {
      await transactions(t, storage[environment])
    })
    await using(`${environment}: ranges`, 16 * MIB, async (t, storage) => {
      await ranges(t, storage[environment])
    })
  }
  await using('buckets: which there are', 16 * MIB, async (t, storage) => {
    t.throws(() => storage.index.bucket('no-such'), { code: 'BUCKET_UNKNOWN' })
    t.throws(() => storage.index.bucket('pins'), { code: 'BUCKET_UNKNOWN' }, 'pins live in the vault')
    t.throws(() => storage.vault.bucket('../x'), { code: 'BUCKET_UNKNOWN' })
    const other = storage.vault.bucket('demo/things')
    await t.rejects(
      storage.index.write(batch => batch.put(other, Buffer.of(1), Buffer.of(1))),
      /of another store/,
    )
    for (const key of [new Uint8Array(), new Uint8Array(1979)]) {
      await t.rejects(
        storage.vault.write(batch => batch.put(other, key, Buffer.of(1))),
        { code: 'KEY_INVALID' },
      )
    }
    await storage.vault.write(batch => batch.put(other, new Uint8Array(1978).fill(255), Buffer.of(1)))
    t.equal(other.size(), 1)
  })
  await using('blocks: kept and given back as they were', 64 * MIB, keptBlocks)
  await using('blocks: identity CIDs hold their content', 16 * MIB, identityBlocks)
  await using('blocks: many are put at once', 64 * MIB, puttingMany)
  await using('blocks: too large, or with too long a hash', 16 * MIB, async (t, { blocks }) => {
    const { cid, bytes } = block(2 * MIB + 1)
    await t.rejects(blocks.put(cid, bytes), { code: 'BLOCK_TOO_LARGE' })
    const long = CID.createV1(RAW, { ...cid.multihash, bytes: new Uint8Array(105) })
    await t.rejects(blocks.put(long, new Uint8Array(1)), { code: 'KEY_INVALID' })
    t.equal(blocks.stats().blocks, 0)
  })
  await using('blocks: puts of one hash at a time write once', 16 * MIB, concurrentPuts)
  await using('blocks: delete', 16 * MIB, deletes)
  await using('blocks: a list in pages', 16 * MIB, lists)
  await using('blocks: what is inspected', 16 * MIB, inspects)
  await using('blocks: a check of what is read', 16 * MIB, checks)
  await using('quota: hard', 16 * MIB, quota)
  await using('quota: reservations', 16 * MIB, reservations)
  await using('quota: the evictor makes room', 16 * MIB, evicts)
  await using('aborts', 16 * MIB, aborts)
  await using('a random history gives what a map would', 16 * MIB, randomHistory)
  await t.test('closed', async t => {
    const storage = await open(16 * MIB)
    const { cid, bytes } = block(100)
    const bucket = storage.index.bucket('demo/things')
    await storage.blocks.put(cid, bytes)
    await storage.probe()
    await Promise.all([storage.close(), storage.close()])
    await storage.close()
    await t.rejects(storage.probe(), { code: 'STORAGE_CLOSED' })
    await t.rejects(storage.blocks.get(cid), { code: 'STORAGE_CLOSED' })
    await t.rejects(storage.blocks.put(block(5).cid, bytes), { code: 'STORAGE_CLOSED' })
    t.throws(() => bucket.get(Buffer.of(1)), { code: 'STORAGE_CLOSED' })
    for (const environment of ['index', 'vault', 'bookkeeping'] as const) {
      for (const name of ['demo/things', 'demo/new']) {
        t.throws(
          () => storage[environment].bucket(name),
          { code: 'STORAGE_CLOSED' },
          `${environment} ${name}`,
        )
      }
    }
  })
}
