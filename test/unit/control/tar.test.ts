import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { pack } from 'tar-stream'
import { readTree } from '../../../core/cli/tree-reader.ts'
import { writeTree } from '../../../core/cli/tree-writer.ts'
import { decodeTar, encodeTar, isSafePath, type TreeEntry } from '../../../core/control/tar.ts'

/** An entry with its bytes read. */
type Flat = Omit<TreeEntry, 'bytes'> & { content?: string }

type Node =
  | { type: 'file'; content: Uint8Array; mode?: number; mtimeMs?: number }
  | { type: 'symlink'; target: string; mtimeMs?: number }
  | { type: 'directory'; children: [string, Node][]; mode?: number; mtimeMs?: number }

async function* iterate<T>(values: Iterable<T>): AsyncGenerator<T> {
  yield* values
}

async function* only(bytes: Uint8Array, chunkBytes = bytes.length || 1): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += chunkBytes)
    yield bytes.subarray(start, start + chunkBytes)
}

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}

async function flatten(entries: AsyncIterable<TreeEntry>): Promise<Flat[]> {
  const flat: Flat[] = []
  for await (const entry of entries) {
    if (entry.type !== 'file') flat.push(entry)
    else {
      const { bytes, ...rest } = entry
      flat.push({ ...rest, content: (await bytesOf(bytes())).toString('base64') })
    }
  }
  return flat
}

function* entriesOf(node: Node, path: string): Generator<TreeEntry> {
  const { mode, mtimeMs } = node as { mode?: number; mtimeMs?: number }
  const base = { path, ...(mode !== undefined && { mode }), ...(mtimeMs !== undefined && { mtimeMs }) }
  if (node.type === 'file') {
    const { content } = node
    yield { ...base, type: 'file', size: content.length, bytes: () => only(content, 700) }
  } else if (node.type === 'symlink') {
    yield { ...base, type: 'symlink', target: node.target }
  } else {
    yield { ...base, type: 'directory' }
    for (const [name, child] of node.children) yield* entriesOf(child, path ? `${path}/${name}` : name)
  }
}

// Names that a file system takes: spaces, newlines, non-ASCII, longer than a plain tar header holds.
const name = fc
  .oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
    fc.constantFrom(
      'a b',
      'ä',
      'line\nbreak',
      '-rf',
      '日本',
      'x'.repeat(120),
      `${'ü'.repeat(100)}.txt`,
      '.hidden',
    ),
  )
  .filter(text => text !== '.' && text !== '..' && !/[/\0]/.test(text) && text.isWellFormed())
  .filter(text => Buffer.byteLength(text) <= 255)

const mtimeMs = fc.option(fc.integer({ min: 0, max: 4_000_000_000_000 }), { nil: undefined })
const tree = fc.letrec<{ node: Node; file: Node; symlink: Node; directory: Node }>(tie => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    tie('file'),
    tie('symlink'),
    tie('directory'),
  ),
  file: fc.record(
    {
      type: fc.constant('file' as const),
      content: fc.uint8Array({ maxLength: 2000 }),
      mode: fc.integer({ min: 0o400, max: 0o777 }).map(mode => mode | 0o400),
      mtimeMs,
    },
    { requiredKeys: ['type', 'content'] },
  ) as fc.Arbitrary<Node>,
  symlink: fc.record({
    type: fc.constant('symlink' as const),
    target: fc.oneof(name, fc.constantFrom('../..', '/etc/passwd', 't'.repeat(300))),
  }) as fc.Arbitrary<Node>,
  directory: fc.record(
    {
      type: fc.constant('directory' as const),
      children: fc.uniqueArray(fc.tuple(name, tie('node')), { maxLength: 5, selector: ([name]) => name }),
      mode: fc.integer({ min: 0o700, max: 0o777 }),
      mtimeMs,
    },
    { requiredKeys: ['type', 'children'] },
  ) as fc.Arbitrary<Node>,
})).directory

t.test('any tree comes out of an archive as it went in', async t => {
  await fc.assert(
    fc.asyncProperty(tree, fc.integer({ min: 1, max: 3000 }), async (root, chunkBytes) => {
      const before = await flatten(iterate(entriesOf(root, '')))
      const archive = await bytesOf(encodeTar(iterate(entriesOf(root, ''))))
      t.same(await flatten(decodeTar(only(archive, chunkBytes))), before)
    }),
    { numRuns: 150 },
  )
})

t.test('any tree goes through archives onto a disk and back', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'skep-tar-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const options = { hidden: true, preserveMode: true, preserveMtime: true }
  let run = 0
  await fc.assert(
    fc.asyncProperty(tree, async root => {
      const first = join(directory, `${run++}`)
      const second = join(directory, `${run++}`)
      await writeTree(decodeTar(encodeTar(iterate(entriesOf(root, '')))), first)
      await writeTree(decodeTar(encodeTar(decodeTar(encodeTar(readTree(first, options))))), second)
      const expected = await flatten(readTree(first, options))
      t.same(await flatten(readTree(second, options)), expected)
      // What the disk adds to an entry without attributes of its own apart, it is the tree we began with.
      const wanted = await flatten(iterate(entriesOf(root, '')))
      const byPath = new Map(expected.map(entry => [entry.path, entry]))
      t.equal(byPath.size, wanted.length)
      for (const entry of wanted) t.match(byPath.get(entry.path), entry)
    }),
    { numRuns: 40 },
  )
})

t.test('an archive of ours is one for any tar, and the other way round', async t => {
  const directory = t.testdir({
    tree: { 'a.txt': 'hello', sub: { b: '' }, ['n'.repeat(150)]: 'long' },
    out: {},
  })
  const archive = join(directory, 'ours.tar')
  const read = () => readTree(join(directory, 'tree'), {})
  writeFileSync(archive, await bytesOf(encodeTar(read())))
  execFileSync('tar', ['-x', '-f', archive, '-C', join(directory, 'out')])
  const expected = await flatten(read())
  t.same(await flatten(readTree(join(directory, 'out'), {})), expected)

  const theirs = execFileSync('tar', ['-c', '--sort=name', '-C', join(directory, 'tree'), '.'])
  t.same(await flatten(decodeTar(only(theirs, 999))), expected, 'its modes and times are not ours')
})

t.test('entries that would leave the tree are refused', async t => {
  const directory = t.testdir({ a: '', b: '' })
  const archives = {
    parent: ['--transform=s,a,../a,'],
    absolute: ['--transform=s,a,/etc/a,'],
    inner: ['--transform=s,a,x/../../a,'],
  }
  for (const [what, args] of Object.entries(archives)) {
    const archive = execFileSync('tar', ['-c', '-P', ...args, '-C', directory, 'a'])
    await t.rejects(flatten(decodeTar(only(archive))), { code: 'TREE_ENTRY_REFUSED' }, what)
  }
  execFileSync('mkfifo', [join(directory, 'pipe')])
  const special = execFileSync('tar', ['-c', '-C', directory, 'pipe'])
  await t.rejects(flatten(decodeTar(only(special))), {
    code: 'TREE_ENTRY_REFUSED',
    message: /pipe is a fifo/,
  })
})

t.test('safe paths', async t => {
  for (const path of ['a', 'a/b', '...', 'a b', '-', '~', 'a\\b']) t.ok(isSafePath(path), path)
  for (const path of ['', '/', '/a', 'a/', 'a//b', '.', '..', 'a/..', '../a', 'a/./b', 'a\0b']) {
    t.notOk(isSafePath(path), JSON.stringify(path))
  }
})

t.test('damage is told', async t => {
  const file = { type: 'file', path: 'f', size: 5000, bytes: () => only(Buffer.alloc(5000, 1)) } as const
  const archive = await bytesOf(encodeTar(iterate([file])))
  await t.rejects(
    flatten(decodeTar(only(archive.subarray(0, 3000)))),
    { code: 'TREE_INVALID' },
    'cut in a file',
  )
  await t.rejects(
    flatten(decodeTar(only(archive.subarray(0, 100)))),
    { code: 'TREE_INVALID' },
    'cut in a header',
  )
  await t.rejects(flatten(decodeTar(only(Buffer.alloc(1024, 7)))), { code: 'TREE_INVALID' }, 'no archive')
})

t.test('a long header that is too large is refused before it is read', async t => {
  const archiveOf = async (paxBytes: number): Promise<Buffer> => {
    const archive = pack()
    archive.entry({ name: 'f', pax: { comment: 'x'.repeat(paxBytes) } }, 'hello')
    archive.finalize()
    return bytesOf(archive as AsyncIterable<Uint8Array>)
  }
  const fine = await archiveOf(60 * 1024)
  for (const chunkBytes of [512, 5000, fine.length]) {
    t.match(await flatten(decodeTar(only(fine, chunkBytes))), [{ path: 'f', size: 5 }])
  }
  const large = await archiveOf(3 * 1024 * 1024)
  for (const chunkBytes of [512, 5000, 64 * 1024, large.length]) {
    let readBytes = 0
    async function* counted(): AsyncGenerator<Uint8Array> {
      for await (const chunk of only(large, chunkBytes)) {
        readBytes += chunk.length
        yield chunk
      }
    }
    const error = { code: 'TREE_INVALID', message: /bytes of PAX records or name; expected 65536/ }
    await t.rejects(flatten(decodeTar(counted())), error, `in chunks of ${chunkBytes}`)
    t.ok(readBytes <= Math.max(chunkBytes, 128 * 1024), `${readBytes} bytes were read`)
  }
})

t.test('errors of either side come through as they are', async t => {
  const failure = new Error('the disk is gone')
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield Buffer.alloc(100)
    throw failure
  }
  const file = { type: 'file', path: 'f', size: 5000, bytes: failing } as const
  await t.rejects(bytesOf(encodeTar(iterate([file]))), failure)
  await t.rejects(flatten(decodeTar(encodeTar(iterate([file])))), failure)

  for (const size of [99, 101]) {
    const wrong = { type: 'file', path: 'f', size, bytes: () => only(Buffer.alloc(100)) } as const
    await t.rejects(bytesOf(encodeTar(iterate([wrong]))), { code: 'TREE_INVALID' }, `${size} promised`)
  }
})

t.test('who stops reading stops the reading of files', async t => {
  let open = true
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield Buffer.alloc(64 * 1024)
    } finally {
      open = false
    }
  }
  const file = { type: 'file', path: 'f', size: 2 ** 40, bytes: endless } as const
  for await (const _chunk of encodeTar(iterate([file]))) break
  t.notOk(open)
})
