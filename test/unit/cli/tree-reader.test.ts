import { execFileSync } from 'node:child_process'
import { appendFileSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type ReadOptions, readFileBytes, readTree, treeBytes } from '../../../core/cli/tree-reader.ts'

async function paths(root: string, options: ReadOptions = {}): Promise<string[]> {
  const found: string[] = []
  for await (const { type, path } of readTree(root, options)) found.push(`${type} ${path}`)
  return found
}

async function sizeOf(bytes: AsyncIterable<Uint8Array>): Promise<number> {
  let total = 0
  for await (const chunk of bytes) total += chunk.length
  return total
}

t.test('parents first, names in byte order, hidden ones only when asked for', async t => {
  const root = t.testdir({
    b: { z: '', '.git': { config: 'x' } },
    B: '12345',
    '😀': '',
    '\uffee': '',
    'a.txt': 'abc',
    a: { deep: { er: '' } },
    '.hidden': '',
    link: t.fixture('symlink', '../elsewhere'),
  })
  const visible = ['directory ', 'file B', 'directory a', 'directory a/deep', 'file a/deep/er', 'file a.txt']
  const rest = ['file b/z', 'symlink link', 'file \uffee', 'file 😀']
  t.same(await paths(root), [...visible, 'directory b', ...rest])
  t.same(await paths(root, { hidden: true }), [
    'directory ',
    'file .hidden',
    ...visible.slice(1),
    'directory b',
    'directory b/.git',
    'file b/.git/config',
    ...rest,
  ])
  t.equal(await treeBytes(root, {}), 8)
})

t.test('permissions and times only when asked for', async t => {
  const root = t.testdir({ file: '' })
  const file = join(root, 'file')
  execFileSync('chmod', ['4751', file])
  utimesSync(file, 1_000_000_000, 1_000_000_000)
  const read = async (options: ReadOptions) => {
    for await (const entry of readTree(root, options)) if (entry.type === 'file') return entry
    throw new Error('no file')
  }
  t.notOk('mode' in (await read({})))
  t.notOk('mtimeMs' in (await read({})))
  t.match(await read({ preserveMode: true }), { mode: 0o4751 })
  t.match(await read({ preserveMtime: true }), { mtimeMs: 1_000_000_000_000 })
})

t.test('a file that changes while it is read', async t => {
  const file = join(t.testdir(), 'file')
  const content = Buffer.alloc(1024 * 1024)
  const changes: Record<string, () => void> = {
    'grows at once': () => appendFileSync(file, 'x'),
    shrinks: () => truncateSync(file, 10),
    'is written to': () => {
      writeFileSync(file, Buffer.alloc(content.length, 1))
      utimesSync(file, 1, 1)
    },
  }
  for (const [what, change] of Object.entries(changes)) {
    writeFileSync(file, content)
    const bytes = readFileBytes(file, statSync(file))
    await bytes.next()
    change()
    await t.rejects(sizeOf(bytes), { code: 'INPUT_CHANGED', message: /file changed/ }, what)
  }
  writeFileSync(file, content)
  t.equal(await sizeOf(readFileBytes(file, statSync(file))), content.length)
})

t.test('a small file that has changed since it was looked at', async t => {
  const file = join(t.testdir({ file: 'honey' }), 'file')
  const before = statSync(file)
  t.equal(await sizeOf(readFileBytes(file, before)), 5)
  const changed = (what: string) =>
    t.rejects(sizeOf(readFileBytes(file, before)), { code: 'INPUT_CHANGED', message: /file changed/ }, what)
  for (const content of ['honeycomb', 'hon', '']) {
    writeFileSync(file, content)
    await changed(`'${content}'`)
  }
  writeFileSync(file, 'honey')
  utimesSync(file, 1, 1)
  await changed('touched')
  rmSync(file)
  execFileSync('ln', ['-s', '/etc/hostname', file])
  await t.rejects(sizeOf(readFileBytes(file, before)), { code: 'INPUT_UNREADABLE' }, 'a symlink in its place')
})

t.test('what can not be read is named', async t => {
  const root = t.testdir({ sub: {} })
  await t.rejects(paths(join(root, 'missing')), { code: 'INPUT_UNREADABLE', message: /missing.*ENOENT/ })

  execFileSync('mkfifo', [join(root, 'sub', 'pipe')])
  await t.rejects(paths(root), { code: 'INPUT_UNSUPPORTED', message: /sub\/pipe/ })

  const odd = t.testdir({})
  writeFileSync(Buffer.concat([Buffer.from(`${odd}/`), Buffer.from([0x66, 0xff])]), '')
  await t.rejects(paths(odd), { code: 'INPUT_UNSUPPORTED', message: /UTF-8/ })
})
