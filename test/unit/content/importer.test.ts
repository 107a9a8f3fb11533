import { MemoryBlockstore } from 'blockstore-core'
import fc from 'fast-check'
import { type ImportCandidate, type ImporterOptions, importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced } from 'ipfs-unixfs-importer/layout'
import type { CID } from 'multiformats/cid'
import t from 'tap'
import type { ImportEntry } from '../../../core/content/content.ts'
import { type ImportProfile, UNIXFS_V1_2025 } from '../../../core/content/profile.ts'
import {
  collect,
  createTestNode,
  entriesFrom,
  fileOf,
  pattern,
  streamOf,
  type TestNodeOptions,
  turnsUntil,
} from '../../helpers/content-node.ts'

const MIB = 1024 * 1024
const tiny: ImportProfile = { ...UNIXFS_V1_2025, chunkBytes: 16, maxLinks: 3 }

async function ours(entries: AsyncIterable<ImportEntry>, options: TestNodeOptions = {}): Promise<string> {
  const { content } = createTestNode(options)
  return (await content.add(entries, { pin: false })).cid.toString()
}

/** The root that ipfs-unixfs-importer gives. */
async function theirs(
  candidates: Iterable<ImportCandidate>,
  options: ImporterOptions = {},
  profile: ImportProfile = UNIXFS_V1_2025,
): Promise<string> {
  let root: CID | undefined
  const results = importer(candidates, new MemoryBlockstore(), {
    profile: 'unixfs-v1-2025',
    chunker: fixedSize({ chunkSize: profile.chunkBytes }),
    layout: balanced({ maxChildrenPerNode: profile.maxLinks }),
    shardSplitThresholdBytes: profile.shardThresholdBytes,
    ...options,
  })
  for await (const { cid } of results) root = cid
  return String(root)
}

function theirEntry(entry: ImportEntry, bytes: Uint8Array): ImportCandidate {
  const { path, mode, mtimeMs } = entry
  const nsecs = mtimeMs === undefined ? 0 : Math.round((mtimeMs - Math.floor(mtimeMs / 1000) * 1000) * 1e6)
  const mtime =
    mtimeMs === undefined
      ? undefined
      : { secs: BigInt(Math.floor(mtimeMs / 1000)), ...(nsecs !== 0 && { nsecs }) }
  const attributes = { path, ...(mode !== undefined && { mode }), ...(mtime && { mtime }) }
  if (entry.type === 'file') return { ...attributes, content: bytes }
  return entry.type === 'symlink' ? { ...attributes, link: entry.target } : attributes
}

t.test('public vectors', async t => {
  const text = new TextEncoder().encode('hello world')
  t.equal(await ours(fileOf(text)), 'bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e')
  t.equal(
    await ours(fileOf(new Uint8Array())),
    'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku',
    'an empty file',
  )
  t.equal(
    await ours(entriesFrom([])),
    'bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354',
    'an empty directory',
  )
})

t.test('files of the real profile have the CIDs of ipfs-unixfs-importer', async t => {
  for (const size of [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 7]) {
    const bytes = pattern(size)
    t.equal(await ours(fileOf(bytes)), await theirs([{ content: bytes }]), `${size} bytes`)
  }
})

t.test('files about as long as a node has links', async t => {
  const profile = { ...UNIXFS_V1_2025, chunkBytes: 8 }
  for (const chunks of [1_023, 1_024, 1_025, 2_049]) {
    const bytes = pattern(chunks * profile.chunkBytes)
    t.equal(
      await ours(fileOf(bytes), { profile }),
      await theirs([{ content: bytes }], {}, profile),
      `${chunks}`,
    )
  }
})

t.test('property: any file under any small layout', async _t => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        size: fc.integer({ min: 0, max: 600 }),
        chunkBytes: fc.integer({ min: 1, max: 24 }),
        maxLinks: fc.integer({ min: 2, max: 5 }),
        pieceBytes: fc.integer({ min: 1, max: 50 }),
        mode: fc.option(fc.integer({ min: 0, max: 0o7777 }), { nil: undefined }),
        // From 2^31 seconds on ipfs-unixfs writes what was in memory.
        mtimeMs: fc.option(fc.integer({ min: -1e12, max: 2 ** 31 * 1e3 - 1 }), { nil: undefined }),
      }),
      async ({ size, pieceBytes, mode, mtimeMs, ...layout }) => {
        const profile = { ...UNIXFS_V1_2025, ...layout }
        const bytes = pattern(size, size + 1)
        const entry: ImportEntry = {
          type: 'file',
          path: '',
          mode,
          mtimeMs,
          bytes: streamOf(bytes, pieceBytes),
        }
        const expected = theirEntry(entry, bytes)
        const { path: _, ...candidate } = expected as { path: string; content: Uint8Array }
        return (await ours(entriesFrom([entry]), { profile })) === (await theirs([candidate], {}, profile))
      },
    ),
    { numRuns: 100 },
  )
})

/** A tree as names within names; a string is a symlink, a number the size of a file. */
interface Tree {
  readonly [name: string]: Tree | number | string
}

const attributes = fc.record({
  mode: fc.option(fc.constantFrom(0o600, 0o644, 0o755, 0o4755), { nil: undefined }),
  mtimeMs: fc.option(fc.constantFrom(0, 1_700_000_000_000, 1_700_000_000_123), { nil: undefined }),
})
const name = fc.oneof(
  fc.string({ minLength: 1, maxLength: 8, unit: 'grapheme' }).filter(text => !/[/\\\0]|^\.\.?$/.test(text)),
  fc.constantFrom('.hidden', 'a', 'b', 'README', '\u00e9', ' ', '%2F'),
)
const tree = fc.letrec<{ tree: Tree; node: Tree | number | string }>(tie => ({
  tree: fc.dictionary(name, tie('node'), {
    minKeys: 0,
    maxKeys: 5,
    noNullPrototype: true,
  }) as fc.Arbitrary<Tree>,
  node: fc.oneof(
    { maxDepth: 3 },
    fc.integer({ min: 0, max: 100 }),
    fc.string({ minLength: 1, maxLength: 10, unit: 'grapheme' }),
    tie('tree') as fc.Arbitrary<Tree>,
  ),
})).tree

function* flatten(
  node: Tree,
  path: string,
  of: () => object,
): Generator<{ entry: ImportEntry; bytes: Uint8Array }> {
  const none = new Uint8Array()
  yield { entry: { type: 'directory', path, ...of() }, bytes: none }
  for (const [name, child] of Object.entries(node)) {
    const at = path === '' ? name : `${path}/${name}`
    if (typeof child === 'string')
      yield { entry: { type: 'symlink', path: at, target: child, ...of() }, bytes: none }
    else if (typeof child === 'number') {
      const bytes = pattern(child, child + 1)
      yield { entry: { type: 'file', path: at, bytes: streamOf(bytes, 7), ...of() }, bytes }
    } else yield* flatten(child, at, of)
  }
}

t.test('property: any tree has the CID of ipfs-unixfs-importer', async _t => {
  await fc.assert(
    fc.asyncProperty(tree, fc.infiniteStream(attributes), async (root, stream) => {
      const of = () => stream.next().value
      const all = [...flatten({ top: root }, '', of)].slice(1)
      const candidates = all.map(({ entry, bytes }) => theirEntry(entry, bytes))
      const mine = await ours(entriesFrom(all.map(({ entry }) => entry)), { profile: tiny })
      return mine === (await theirs(candidates, { wrapWithDirectory: true }, tiny))
    }),
    { numRuns: 100 },
  )
})

t.test('property: order of entries and how many are kept in memory change nothing', async _t => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.tuple(fc.nat(4), fc.nat(4), fc.nat(9)), {
        minLength: 1,
        maxLength: 40,
        selector: path => path.join(),
      }),
      fc.integer({ min: 1, max: 10 }),
      async (paths, maxOpenEntries) => {
        const entries = () =>
          paths.map(([a, b, c]): ImportEntry => {
            const bytes = streamOf(pattern(1 + a + b + c))
            return { type: 'file', path: `d${a}/d${b}/f${c}`, bytes }
          })
        const profile = { ...tiny, shardThresholdBytes: 300 }
        const inOrder = entries().sort((one, other) => (one.path < other.path ? -1 : 1))
        const expected = await ours(entriesFrom(inOrder), { profile })
        return (await ours(entriesFrom(entries()), { profile, maxOpenEntries })) === expected
      },
    ),
    { numRuns: 100 },
  )
})

t.test('directories of thousands of entries are sharded as ipfs-unixfs-importer does it', async t => {
  const candidates = (count: number): { path: string; content: Uint8Array }[] =>
    Array.from({ length: count }, (_, number) => ({
      path: `top/${'a long name '.repeat(8)}${number}.txt`,
      content: Uint8Array.of(number, number >>> 8),
    }))
  const entries = (count: number) =>
    entriesFrom(
      candidates(count).map(
        ({ path, content }): ImportEntry => ({ type: 'file', path, bytes: streamOf(content) }),
      ),
    )
  // 256 KiB of links lie between them.
  for (const count of [1_500, 2_000]) {
    const expected = await theirs(candidates(count), { wrapWithDirectory: true })
    t.equal(await ours(entries(count)), expected, `${count} files`)
  }
})

t.test('property: the threshold of sharding is met to the byte', async _t => {
  const entries = () =>
    Array.from({ length: 20 }, (_, number) => ({ path: `d/${number}`, content: Uint8Array.of(number) }))
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 700, max: 1_200 }), async shardThresholdBytes => {
      const profile = { ...tiny, shardThresholdBytes }
      const mine = entries().map(
        ({ path, content }): ImportEntry => ({ type: 'file', path, bytes: streamOf(content) }),
      )
      const expected = await theirs(entries(), { wrapWithDirectory: true }, profile)
      return (await ours(entriesFrom(mine), { profile })) === expected
    }),
    { numRuns: 40 },
  )
})

t.test('a directory of directories is sharded by its real size', async t => {
  const { content } = createTestNode({ profile: { ...tiny, shardThresholdBytes: 500 } })
  const directories = Array.from(
    { length: 30 },
    (_, at): ImportEntry => ({ type: 'directory', path: `${at}` }),
  )
  const { cid } = await content.add(entriesFrom(directories))
  const names = (await collect(content.list(cid.toString()))).map(({ name }) => name)
  t.same(new Set(names), new Set(directories.map(({ path }) => path)))
  t.same(await content.resolve(`${cid}/17`), await content.resolve(`${cid}/3`), 'both empty')
})

t.test('progress and result count content', async t => {
  const { content } = createTestNode({ profile: tiny })
  const seen: number[] = []
  const result = await content.add(
    entriesFrom([
      { type: 'file', path: 'a', bytes: streamOf(pattern(40)) },
      { type: 'symlink', path: 'b', target: 'a' },
      { type: 'file', path: 'c', bytes: streamOf(pattern(5)) },
    ]),
    { onProgress: ({ bytes }) => seen.push(bytes) },
  )
  t.match(result, { size: 45, files: 2 })
  t.same(seen, [16, 32, 40, 45])
})

const bad: Record<string, ImportEntry[]> = {
  'an absolute path': [{ type: 'directory', path: '/etc' }],
  'a parent': [{ type: 'symlink', path: 'a/../b', target: 'x' }],
  'a dot': [{ type: 'directory', path: './a' }],
  'an empty name': [{ type: 'directory', path: 'a//b' }],
  'a NUL': [{ type: 'directory', path: 'a\0b' }],
  'a broken surrogate': [{ type: 'directory', path: 'a\ud800' }],
  'a name too long': [{ type: 'directory', path: 'x'.repeat(1_025) }],
  'a path too deep': [{ type: 'directory', path: 'x/'.repeat(2_048).concat('x') }],
  'a file as a directory': [
    { type: 'symlink', path: 'a', target: 'x' },
    { type: 'symlink', path: 'a/b', target: 'x' },
  ],
  'a directory as a file': [
    { type: 'directory', path: 'a' },
    { type: 'symlink', path: 'a', target: 'x' },
  ],
  'a root beside others': [
    { type: 'symlink', path: '', target: 'x' },
    { type: 'symlink', path: 'a', target: 'x' },
  ],
  'others beside a root': [
    { type: 'symlink', path: 'a', target: 'x' },
    { type: 'symlink', path: '', target: 'x' },
  ],
  'a target too long': [{ type: 'symlink', path: 'a', target: 'x'.repeat(4_097) }],
}
for (const [what, entries] of Object.entries(bad)) {
  t.test(`${what} is refused`, async t => {
    const { content } = createTestNode()
    await t.rejects(content.add(entriesFrom(entries)), { code: 'ENTRY_INVALID' })
  })
}

t.test('a source that fails and an abort leave nothing pinned', async t => {
  const node = createTestNode({ profile: tiny })
  async function* failing() {
    yield pattern(100)
    throw new Error('the disk was pulled')
  }
  await t.rejects(
    node.content.add(entriesFrom([{ type: 'file', path: 'a', bytes: failing() }])),
    /the disk was pulled/,
  )
  const stop = new AbortController()
  const abort = { signal: stop.signal, onProgress: () => stop.abort(new Error('enough')) }
  await t.rejects(node.content.add(fileOf(pattern(1000)), abort), /enough/)
  t.same([...node.pins.list()], [])
  for (const { hash } of node.storage.blocks.list()) t.notOk(node.pins.holds(hash))
  t.equal(node.memory.usedBytes, 0)
})

t.test('memory in flight stays within the budget', async t => {
  const node = createTestNode({ memoryBytes: 3 * MIB })
  const store = node.storage.blocks
  const put = store.put.bind(store)
  const blocks = 10
  let mostBytes = 0
  let puts = 0
  store.put = async (...block) => {
    puts += 1
    // A slow disk: as much is on its way as may be.
    await turnsUntil(() => node.memory.usedBytes >= 3 * MIB || puts >= blocks)
    mostBytes = Math.max(mostBytes, node.memory.usedBytes)
    await put(...block)
  }
  await node.content.add(fileOf(pattern(blocks * MIB)))
  t.equal(mostBytes, 3 * MIB, 'several in flight, within the budget')
  t.equal(node.memory.usedBytes, 0)
})

t.test('content that does not fit is refused, and the node goes on', async t => {
  const node = createTestNode({ maxBytes: 4 * MIB })
  await t.rejects(node.content.add(fileOf(pattern(6 * MIB))), { code: 'STORAGE_FULL' })
  t.same([...node.pins.list()], [])
  t.equal(node.memory.usedBytes, 0)
})

t.test('what is being added is held until it is pinned', async t => {
  const node = createTestNode({ profile: tiny })
  const held: boolean[] = []
  async function* source() {
    yield pattern(64)
    held.push(...node.storage.blocks.list().map(({ hash }) => node.pins.holds(hash)))
  }
  const { cid } = await node.content.add(entriesFrom([{ type: 'file', path: '', bytes: source() }]), {
    pin: false,
  })
  t.ok(held.length > 0 && held.every(Boolean))
  t.notOk(node.pins.holds(cid.multihash.bytes))
})

t.test('what is known to be more than the store can hold is refused before it is read', async t => {
  const node = createTestNode({ maxBytes: MIB })
  let isRead = false
  async function* source(): AsyncGenerator<Uint8Array> {
    isRead = true
    yield pattern(10)
  }
  const entries = () => entriesFrom([{ type: 'file', path: '', bytes: source() }])
  await t.rejects(node.content.add(entries(), { totalBytes: MIB + 1 }), { code: 'STORAGE_FULL' })
  t.notOk(isRead)
  await node.content.add(entries(), { totalBytes: MIB })
  t.ok(isRead)
})
