import * as dagPb from '@ipld/dag-pb'
import fc from 'fast-check'
import { UnixFS } from 'ipfs-unixfs'
import * as raw from 'multiformats/codecs/raw'
import t from 'tap'
import { cidOf } from '../../../core/content/hashes.ts'
import { encodeData } from '../../../core/content/unixfs-data.ts'
import { decodeUnixfs, encodeFile } from '../../../core/content/unixfs-node.ts'

const leaf = cidOf(raw.code, new Uint8Array(1))

t.test('sizes and times between 2 and 4 GiB, which ipfs-unixfs can not encode', async t => {
  // fileSize 3 GiB and one block size of 3 GiB, as varints: 80 80 80 80 0c.
  const data = encodeData({ type: 'file', fileSize: 3 * 2 ** 30, blockSizes: [3 * 2 ** 30] })
  t.equal(Buffer.from(data).toString('hex'), '0802188080' + '80800c' + '2080808080' + '0c')
  const node = encodeFile([{ cid: leaf, size: 3 * 2 ** 30, totalBytes: 5 }], { mtimeMs: 3e12 })
  const { size, mtimeMs } = decodeUnixfs(cidOf(dagPb.code, node), node) as { size: number; mtimeMs?: number }
  t.same({ size, mtimeMs }, { size: 3 * 2 ** 30, mtimeMs: 3e12 })
})

t.test('property: encodes as ipfs-unixfs does, and is read by it', async () => {
  const size = fc.integer({ min: 0, max: 2 ** 31 - 1 })
  fc.assert(
    fc.property(
      fc.record({
        blockSizes: fc.array(size, { maxLength: 4 }),
        mode: fc.option(fc.integer({ min: 0, max: 0o7777 }), { nil: undefined }),
        seconds: fc.option(fc.integer({ min: -(2 ** 40), max: 2 ** 31 - 1 }), { nil: undefined }),
        milliseconds: fc.integer({ min: 0, max: 999 }),
      }),
      ({ blockSizes, mode, seconds, milliseconds }) => {
        const fileSize = blockSizes.reduce((sum, size) => sum + size, 0)
        fc.pre(fileSize < 2 ** 31)
        const mtimeMs = seconds === undefined ? undefined : seconds * 1e3 + milliseconds
        const nsecs = milliseconds === 0 ? undefined : milliseconds * 1e6
        const mtime = seconds === undefined ? undefined : { secs: BigInt(seconds), nsecs }
        const theirs = new UnixFS({ type: 'file', mode, mtime, blockSizes: blockSizes.map(BigInt) }).marshal()
        return Buffer.compare(encodeData({ type: 'file', fileSize, blockSizes, mode, mtimeMs }), theirs) === 0
      },
    ),
  )
})

t.test('property: whatever the bytes, a node or NOT_UNIXFS', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      try {
        decodeUnixfs(cidOf(dagPb.code, bytes), bytes)
        return true
      } catch (error) {
        return (error as { code?: string }).code === 'NOT_UNIXFS'
      }
    }),
    { numRuns: 2_000 },
  )
})

const malformed: Record<string, Uint8Array> = {
  'no data': dagPb.encode({ Links: [] }),
  'data that is not UnixFS': dagPb.encode({ Data: Uint8Array.of(0xff, 0xff), Links: [] }),
  metadata: dagPb.encode({ Data: new UnixFS({ type: 'metadata' }).marshal(), Links: [] }),
  'parts without sizes': dagPb.encode({
    Data: new UnixFS({ type: 'file' }).marshal(),
    Links: [{ Name: '', Hash: leaf, Tsize: 1 }],
  }),
  'a fanout that is no power of two': shard(7n, 0x22n),
  'a fanout too big': shard(2n ** 20n, 0x22n),
  'another hash function': shard(256n, 0x12n),
}

function shard(fanout: bigint, hashType: bigint): Uint8Array {
  const data = new UnixFS({ type: 'hamt-sharded-directory', fanout, hashType })
  return dagPb.encode({ Data: data.marshal(), Links: [] })
}

for (const [what, block] of Object.entries(malformed)) {
  t.test(`${what}: refused`, async t => {
    t.throws(() => decodeUnixfs(cidOf(dagPb.code, block), block), { code: 'NOT_UNIXFS' })
  })
}

t.test('another codec is refused', async t => {
  t.throws(() => decodeUnixfs(cidOf(0x71, new Uint8Array(1)), new Uint8Array(1)), { code: 'NOT_UNIXFS' })
})
