import { setImmediate as nextTurn } from 'node:timers/promises'
import * as dagPb from '@ipld/dag-pb'
import fc from 'fast-check'
import { UnixFS } from 'ipfs-unixfs'
import { type ImportCandidate, type ImporterOptions, importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced, trickle } from 'ipfs-unixfs-importer/layout'
import type { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import t from 'tap'
import type { ExportEntry, ImportEntry } from '../../../core/content/content.ts'
import { cidOf } from '../../../core/content/hashes.ts'
import { UNIXFS_V1_2025 } from '../../../core/content/profile.ts'
import {
  bytesOf,
  collect,
  createTestNode,
  entriesFrom,
  exchangeWith,
  fileOf,
  pattern,
  streamOf,
  type TestNode,
} from '../../helpers/content-node.ts'

const MIB = 1024 * 1024
const tiny = { ...UNIXFS_V1_2025, chunkBytes: 16, maxLinks: 3, shardThresholdBytes: 400 }

/** Stores what ipfs-unixfs-importer makes, and gives its root. */
async function addTheirs(
  { storage }: TestNode,
  candidates: ImportCandidate[],
  options: ImporterOptions,
): Promise<CID> {
  const blockstore = {
    async put(cid: CID, bytes: Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>) {
      if (!(bytes instanceof Uint8Array)) throw new Error('not one piece')
      await storage.blocks.put(cid, bytes)
      return cid
    },
  }
  let root: CID | undefined
  for await (const { cid } of importer(candidates, blockstore, options)) root = cid
  if (!root) throw new Error('nothing was imported')
  return root
}

async function put({ storage }: TestNode, codec: number, bytes: Uint8Array): Promise<CID> {
  const cid = cidOf(codec, bytes)
  await storage.blocks.put(cid, bytes)
  return cid
}

function directory(links: { name: string; cid: CID }[]): Uint8Array {
  const Links = links.map(({ name, cid }) => ({ Name: name, Hash: cid, Tsize: 1 }))
  return dagPb.encode({ Data: new UnixFS({ type: 'directory' }).marshal(), Links })
}

t.test('property: any range of a file is the slice of its bytes', async t => {
  const node = createTestNode({ profile: tiny })
  const bytes = pattern(1000)
  const { cid } = await node.content.add(fileOf(bytes))
  const position = fc.integer({ min: 0, max: 1_100 })
  await fc.assert(
    fc.asyncProperty(position, fc.option(position, { nil: undefined }), async (offset, length) => {
      const expected = Buffer.from(bytes).subarray(offset, length === undefined ? undefined : offset + length)
      return expected.equals(await bytesOf(node.content.cat(cid.toString(), { offset, length })))
    }),
  )
  t.equal(node.memory.usedBytes, 0)
})

t.test('a file of the real profile', async t => {
  const node = createTestNode()
  const bytes = pattern(5 * MIB + 3)
  const { cid } = await node.content.add(fileOf(bytes))
  t.ok((await bytesOf(node.content.cat(`/ipfs/${cid}`))).equals(bytes))
  const part = await bytesOf(node.content.cat(`ipfs://${cid}`, { offset: 2 * MIB - 1, length: 2 }))
  t.ok(part.equals(bytes.subarray(2 * MIB - 1, 2 * MIB + 1)))
})

const layouts: Record<string, ImporterOptions> = {
  'CIDv0 with dag-pb leaves': {
    cidVersion: 0,
    rawLeaves: false,
    layout: balanced({ maxChildrenPerNode: 4 }),
  },
  'raw UnixFS leaves': { rawLeaves: false, leafType: 'raw', layout: balanced({ maxChildrenPerNode: 4 }) },
  trickle: { layout: trickle({ maxChildrenPerNode: 3, layerRepeat: 2 }) },
  'trickle with dag-pb leaves that keep to themselves': {
    rawLeaves: false,
    leafType: 'raw',
    reduceSingleLeafToSelf: false,
    layout: trickle({ maxChildrenPerNode: 3, layerRepeat: 2 }),
  },
}
for (const [name, options] of Object.entries(layouts)) {
  t.test(`reads files of others: ${name}`, async t => {
    const node = createTestNode()
    for (const size of [0, 1, 16, 17, 1000]) {
      const content = pattern(size)
      const root = await addTheirs(node, [{ content }], { chunker: fixedSize({ chunkSize: 16 }), ...options })
      t.ok((await bytesOf(node.content.cat(root.toString()))).equals(content), `${size} bytes`)
      const range = { offset: 5, length: 40 }
      t.ok((await bytesOf(node.content.cat(root.toString(), range))).equals(content.subarray(5, 45)))
    }
  })
}

t.test('reads sharded directories of others, in several fanouts', async t => {
  for (const shardFanoutBits of [3, 4, 8]) {
    const node = createTestNode()
    const files = Array.from({ length: 400 }, (_, at) => ({
      path: `d/file ${at}`,
      content: Uint8Array.of(at),
    }))
    const root = await addTheirs(node, files, {
      shardFanoutBits,
      shardSplitThresholdBytes: 1,
      wrapWithDirectory: true,
    })
    const names = (await collect(node.content.list(`${root}/d`))).map(({ name }) => name)
    t.same(new Set(names), new Set(files.map(({ path }) => path.slice(2))))
    t.equal(names.length, 400)
    for (const at of [0, 17, 399]) {
      t.ok((await bytesOf(node.content.cat(`${root}/d/file ${at}`))).equals(Uint8Array.of(at)))
    }
    await t.rejects(node.content.resolve(`${root}/d/file 400`), { code: 'PATH_NOT_FOUND' })
  }
})

/** What a tree is to a file system: entries by path, without CIDs. */
async function snapshot(entries: AsyncIterable<ExportEntry>): Promise<Record<string, object>> {
  const tree: Record<string, object> = {}
  for await (const { path, size, mode, mtimeMs, ...entry } of entries) {
    const content = entry.type === 'file' ? (await bytesOf(entry.bytes())).toString('hex') : undefined
    const target = entry.type === 'symlink' ? entry.target : undefined
    tree[path] = { type: entry.type, mode, mtimeMs, content, target }
    if (content !== undefined && content.length !== size * 2) throw new Error('not as long as it says')
  }
  return tree
}

const arbitraryEntry = fc.record({
  directory: fc.array(fc.constantFrom('a', 'b', '.c', 'ü'), { maxLength: 3 }),
  name: fc.constantFrom('x', 'y', '.z', 'long '.repeat(20)),
  type: fc.constantFrom('file', 'file', 'directory', 'symlink'),
  size: fc.integer({ min: 0, max: 200 }),
  mode: fc.option(fc.constantFrom(0o600, 0o755, 0o4711), { nil: undefined }),
  mtimeMs: fc.option(fc.constantFrom(-1, 0, 1_700_000_000_123, 3e12), { nil: undefined }),
})

t.test('property: what was added comes out again', async t => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(arbitraryEntry, {
        maxLength: 30,
        selector: ({ directory, name }) => [...directory, name].join('/'),
      }),
      async all => {
        const node = createTestNode({ profile: tiny })
        const expected: Record<string, object> = { '': blank('directory') }
        const entries: ImportEntry[] = []
        for (const { directory, name, type, size, mode, mtimeMs } of all) {
          const path = [...directory, name].join('/')
          for (let depth = 1; depth <= directory.length; depth++) {
            expected[directory.slice(0, depth).join('/')] ??= blank('directory')
          }
          // A directory's default mode isn't stored, and a file's can't be 0755.
          const isDefault = type === 'directory' && mode === 0o755
          const shared = { path, mode, mtimeMs }
          const content = pattern(size, size + 1)
          if (type === 'file') entries.push({ ...shared, type, bytes: streamOf(content, 9) })
          else if (type === 'symlink') entries.push({ ...shared, type, target: `../${size}` })
          else entries.push({ ...shared, type: 'directory' })
          expected[path] = {
            type,
            mode: isDefault ? undefined : mode,
            mtimeMs,
            content: type === 'file' ? Buffer.from(content).toString('hex') : undefined,
            target: type === 'symlink' ? `../${size}` : undefined,
          }
        }
        const { cid } = await node.content.add(entriesFrom(entries))
        t.same(await snapshot(node.content.export(cid.toString())), expected)
      },
    ),
    { numRuns: 60 },
  )
})

function blank(type: string): object {
  return { type, mode: undefined, mtimeMs: undefined, content: undefined, target: undefined }
}

t.test('export gives parents first, and a file asked for by itself', async t => {
  const { content } = createTestNode()
  const { cid } = await content.add(
    entriesFrom([{ type: 'file', path: 'a/b/c', bytes: streamOf(pattern(5)) }]),
  )
  t.same(
    (await collect(content.export(`${cid}`))).map(({ path }) => path),
    ['', 'a', 'a/b', 'a/b/c'],
  )
  const [file, ...rest] = await collect(content.export(`${cid}/a/b/c`))
  t.match(file, { path: '', type: 'file', size: 5 })
  t.same(rest, [])
  if (file?.type === 'file')
    t.ok((await bytesOf(file.bytes())).equals(pattern(5)), 'even after the export is over')
})

t.test('list tells types and sizes', async t => {
  const { content } = createTestNode({ profile: tiny })
  const { cid } = await content.add(
    entriesFrom([
      { type: 'file', path: 'big', bytes: streamOf(pattern(100)) },
      { type: 'file', path: 'small', bytes: streamOf(pattern(3)) },
      { type: 'file', path: 'moded', mode: 0o700, bytes: streamOf(pattern(7)) },
      { type: 'symlink', path: 'link', target: 'big' },
      { type: 'directory', path: 'sub' },
    ]),
  )
  const list = (await collect(content.list(`${cid}`))).map(({ name, type, size }) => ({ name, type, size }))
  t.same(list, [
    { name: 'big', type: 'file', size: 100 },
    { name: 'link', type: 'symlink', size: undefined },
    { name: 'moded', type: 'file', size: 7 },
    { name: 'small', type: 'file', size: 3 },
    { name: 'sub', type: 'directory', size: undefined },
  ])
})

t.test('paths that lead nowhere say where they end', async t => {
  const node = createTestNode()
  const { content } = node
  const { cid } = await content.add(
    entriesFrom([
      { type: 'file', path: 'a/b', bytes: streamOf(pattern(5)) },
      { type: 'symlink', path: 'a/link', target: 'b' },
    ]),
  )
  const fails = async (work: Promise<unknown>, code: string, message: RegExp) => {
    await t.rejects(work, { code, message, fix: /./ })
  }
  await fails(content.resolve('nonsense'), 'CID_INVALID', /'nonsense' is not a CID/)
  await fails(content.resolve(''), 'CID_INVALID', /'' is not a CID/)
  await fails(content.resolve(`f01551114${'00'.repeat(20)}`), 'CID_INVALID', /hash function 0x11/)
  await fails(content.resolve(`${cid}/a/x`), 'PATH_NOT_FOUND', new RegExp(`no 'x' in '${cid}/a'$`))
  await fails(content.resolve(`${cid}/y/x`), 'PATH_NOT_FOUND', new RegExp(`no 'y' in '${cid}'$`))
  await fails(content.resolve(`${cid}/a/b/c`), 'PATH_NOT_FOUND', /no 'c' in '.*\/a\/b': that is a file/)
  await fails(content.resolve(`${cid}/a/link/c`), 'PATH_NOT_FOUND', /that is a symlink/)
  await fails(collect(content.cat(`${cid}/a`)), 'NOT_A_FILE', /is a directory/)
  await fails(collect(content.cat(`${cid}/a/link`)), 'NOT_A_FILE', /is a symlink/)
  await fails(collect(content.list(`${cid}/a/b`)), 'NOT_A_DIRECTORY', /is a file/)
  await fails(collect(content.cat(`${cid}/a/b`, { offset: -1 })), 'RANGE_INVALID', /offset -1/)
  await fails(collect(content.cat(`${cid}/a/b`, { length: 0.5 })), 'RANGE_INVALID', /length 0.5/)
  const object = await put(node, 0x71, Uint8Array.of(0xa0))
  t.ok((await content.resolve(`${object}`)).equals(object), 'any codec has a CID')
  await fails(collect(content.cat(`${object}`)), 'NOT_UNIXFS', /codec is 0x71/)
  await fails(
    collect(content.cat(`${cidOf(raw.code, pattern(9))}`)),
    'CONTENT_UNAVAILABLE',
    /no exchange runs/,
  )
})

t.test('CIDs in every usual base, and percent-encoded names in a URI', async t => {
  const { content } = createTestNode()
  const { cid } = await content.add(
    entriesFrom([{ type: 'file', path: '100% ü', bytes: streamOf(pattern(5)) }]),
  )
  const { base36 } = await import('multiformats/bases/base36')
  const { base58btc } = await import('multiformats/bases/base58')
  for (const text of [cid.toString(), cid.toString(base36), cid.toString(base58btc), cid.toV0().toString()]) {
    t.ok((await content.resolve(text)).equals(text.startsWith('Qm') ? cid.toV0() : cid), text)
  }
  const file = cidOf(raw.code, pattern(5))
  t.ok((await content.resolve(`${cid}/100% ü`)).equals(file))
  t.ok((await content.resolve(`ipfs://${cid}/100%25%20%C3%BC`)).equals(file))
})

t.test('names that would leave the tree are refused', async t => {
  const node = createTestNode()
  const leaf = await put(node, raw.code, pattern(5))
  for (const name of ['..', '.', '', 'a/b', '/etc/passwd', 'a\0b']) {
    const cid = await put(node, dagPb.code, directory([{ name, cid: leaf }]))
    await t.rejects(collect(node.content.export(`${cid}`)), { code: 'NAME_UNSAFE' }, JSON.stringify(name))
  }
  const long = await put(node, dagPb.code, directory([{ name: 'n'.repeat(1025), cid: leaf }]))
  await t.rejects(collect(node.content.export(`${long}`)), {
    code: 'NAME_UNSAFE',
    message: /over 1024 bytes/,
  })
  const twice = directory([
    { name: 'a', cid: leaf },
    { name: 'a', cid: leaf },
  ])
  const cid = await put(node, dagPb.code, twice)
  await t.rejects(collect(node.content.export(`${cid}`)), { code: 'NAME_UNSAFE', message: /'a' twice/ })
})

t.test('a part that is not as long as its parent says', async t => {
  const node = createTestNode()
  const leaf = await put(node, raw.code, pattern(5))
  const file = new UnixFS({ type: 'file', blockSizes: [6n] })
  const cid = await put(
    node,
    dagPb.code,
    dagPb.encode({ Data: file.marshal(), Links: [{ Name: '', Hash: leaf, Tsize: 5 }] }),
  )
  await t.rejects(bytesOf(node.content.cat(`${cid}`)), { code: 'NOT_UNIXFS', message: /5 bytes .* says 6/ })
})

t.test('content of another node is fetched, several blocks at a time and in order', async t => {
  const source = createTestNode({ profile: { ...tiny, maxLinks: 64 } })
  const bytes = pattern(3000)
  const { cid } = await source.content.add(
    entriesFrom([
      { type: 'file', path: 'big', bytes: streamOf(bytes) },
      ...Array.from({ length: 50 }, (_, at): ImportEntry => {
        return { type: 'file', path: `many/${at}`, bytes: streamOf(pattern(9, at + 1)) }
      }),
    ]),
  )
  const node = createTestNode()
  let inFlight = 0
  let most = 0
  // The later ones arrive first.
  const waiting: (() => void)[] = []
  const exchange = exchangeWith(source.storage, async () => {
    inFlight += 1
    most = Math.max(most, inFlight)
    await new Promise<void>(resolve => {
      waiting.push(resolve)
      setImmediate(() => setImmediate(() => waiting.pop()?.()))
    })
    inFlight -= 1
  })
  node.blocks.attachExchange(exchange)
  t.ok((await bytesOf(node.content.cat(`${cid}/big`))).equals(bytes))
  t.ok(most > 4, `${most} at a time`)
  most = 0
  const copy = await snapshot(node.content.export(`${cid}/many`))
  t.equal(Object.keys(copy).length, 51)
  t.ok(most > 4, `${most} at a time, small files too`)
  t.equal(new Set(exchange.fetched).size, exchange.fetched.length, 'each block once')
  t.equal(exchange.open, 0, 'sessions are closed')
  t.equal(node.memory.usedBytes, 0)
})

t.test('what a reader that stalls has fetched ahead is bounded, whatever the links claim', async t => {
  const source = createTestNode()
  const parts: CID[] = []
  for (let seed = 1; seed <= 24; seed++) parts.push(await put(source, raw.code, pattern(2 * MIB, seed)))
  const fetchedOf = async (claimedBytes: number): Promise<number> => {
    const file = new UnixFS({ type: 'file', blockSizes: parts.map(() => BigInt(2 * MIB)) })
    const Links = parts.map(Hash => ({ Name: '', Hash, Tsize: claimedBytes }))
    const cid = await put(source, dagPb.code, dagPb.encode({ Data: file.marshal(), Links }))
    const node = createTestNode({ memoryBytes: 8 * MIB })
    const exchange = exchangeWith(source.storage)
    node.blocks.attachExchange(exchange)
    const chunks = node.content.cat(cid.toString())[Symbol.asyncIterator]()
    let bytes = (await chunks.next()).value?.length
    // What was asked for ahead ends, and nothing follows it.
    for (let turn = 0; turn < 1000; turn++) await nextTurn()
    const fetched = new Set(exchange.fetched).size - 1
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) bytes += next.value.length
    t.equal(bytes, parts.length * 2 * MIB)
    t.equal(node.memory.usedBytes, 0)
    return fetched
  }
  const honest = await fetchedOf(2 * MIB)
  t.ok(honest <= 4, `${honest} parts of an honest file`)
  t.equal(await fetchedOf(1), honest)
})

t.test('a reader that stops early, or aborts, leaves nothing behind', async t => {
  const source = createTestNode({ profile: tiny })
  const { cid } = await source.content.add(fileOf(pattern(3000)))
  const node = createTestNode()
  const exchange = exchangeWith(source.storage)
  node.blocks.attachExchange(exchange)
  for await (const _chunk of node.content.cat(`${cid}`)) break
  t.equal(exchange.open, 0)
  t.equal(node.memory.usedBytes, 0)

  const stop = new AbortController()
  const fresh = createTestNode()
  const stalling = exchangeWith(source.storage, (wanted, signal) => {
    if (wanted.equals(cid)) return
    stop.abort(new Error('enough'))
    return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
  })
  fresh.blocks.attachExchange(stalling)
  await t.rejects(bytesOf(fresh.content.cat(`${cid}`, { signal: stop.signal })), /enough/)
  t.equal(stalling.open, 0)
  t.equal(fresh.memory.usedBytes, 0)
})

t.test('progress of a read', async t => {
  const { content } = createTestNode({ profile: tiny })
  const { cid } = await content.add(fileOf(pattern(40)))
  const seen: object[] = []
  await bytesOf(content.cat(`${cid}`, { onProgress: progress => seen.push(progress) }))
  t.same(seen.at(-1), { bytes: 40, totalBytes: 40, blocks: 3 })
})
