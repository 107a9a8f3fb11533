import { unixfs } from '@helia/unixfs'
import { createHeliaLight } from 'helia'
import type { CID } from 'multiformats/cid'
import t from 'tap'
import type { ImportEntry } from '../../core/content/content.ts'
import { bytesOf, createTestNode, entriesFrom, fileOf, pattern, streamOf } from '../helpers/content-node.ts'

const MIB = 1024 * 1024

const helia = await createHeliaLight().start()
t.teardown(() => helia.stop())
const files = unixfs(helia)
const profile = { profile: 'unixfs-v1-2025' } as const

t.test('a file has the same CID in Helia', async t => {
  for (const size of [0, 1, MIB, MIB + 1, 5 * MIB + 3]) {
    const { content } = createTestNode()
    const bytes = pattern(size)
    const { cid } = await content.add(fileOf(bytes))
    t.equal(cid.toString(), String(await files.addBytes(bytes, profile)), `${size} bytes`)
  }
})

const tree = [
  { path: 'README.md', bytes: pattern(10), mode: 0o644, mtimeMs: 1_700_000_000_000 },
  { path: 'bin/run', bytes: pattern(2 * MIB), mode: 0o755, mtimeMs: undefined },
  { path: 'bin/.hidden', bytes: pattern(3), mode: undefined, mtimeMs: undefined },
  ...Array.from({ length: 2_000 }, (_, at) => {
    const path = `many/${'a long name '.repeat(10)}${at}`
    return { path, bytes: pattern(9, at + 1), mode: undefined, mtimeMs: undefined }
  }),
]

t.test(
  'a tree with attributes and a sharded directory has the same CID in Helia, and each reads the other',
  async t => {
    const node = createTestNode()
    const entries = tree.map(({ bytes, ...entry }): ImportEntry => {
      return { ...entry, type: 'file', bytes: streamOf(bytes) }
    })
    const { cid } = await node.content.add(entriesFrom(entries))
    const candidates = tree.map(({ path, bytes, mode, mtimeMs }) => {
      const mtime = mtimeMs === undefined ? undefined : { secs: BigInt(mtimeMs / 1000) }
      return { path, content: bytes, mode, mtime }
    })
    let root: CID | undefined
    for await (const added of files.addAll(candidates, { ...profile, wrapWithDirectory: true }))
      root = added.cid
    t.equal(cid.toString(), String(root))

    const [first] = tree
    for (const { path, bytes } of tree.filter(entry => entry.bytes.length !== 9)) {
      t.ok((await bytesOf(files.cat(cid, { path }))).equals(bytes), `Helia reads ${path}`)
      t.ok((await bytesOf(node.content.cat(`${root}/${path}`))).equals(bytes), `skep reads ${path}`)
    }
    t.match(await files.stat(cid, { path: first?.path }), { mode: 0o644, mtime: { secs: 1_700_000_000n } })
  },
)
