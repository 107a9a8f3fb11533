import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { writeAtomically } from '../../../core/cli/atomic-output.ts'
import { writeTree } from '../../../core/cli/tree-writer.ts'
import type { TreeEntry } from '../../../core/control/tar.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

async function* entries(...list: TreeEntry[]): AsyncGenerator<TreeEntry> {
  yield* list
}

function file(
  path: string,
  content: string,
  attributes: { mode?: number; mtimeMs?: number } = {},
): TreeEntry {
  async function* bytes() {
    yield Buffer.from(content)
  }
  return { type: 'file', path, size: Buffer.byteLength(content), bytes, ...attributes }
}

const directory = (path: string, attributes: { mode?: number; mtimeMs?: number } = {}): TreeEntry => ({
  type: 'directory',
  path,
  ...attributes,
})
const link = (path: string, target: string): TreeEntry => ({ type: 'symlink', path, target })

t.test('modes, times and their defaults', async t => {
  const umask = process.umask(0o027)
  t.teardown(() => process.umask(umask))
  const place = join(t.testdir(), 'out')
  const mtimeMs = 1_234_567_890_123
  const result = await writeTree(
    entries(
      directory('', { mtimeMs }),
      directory('closed', { mode: 0o500 }),
      file('closed/file', 'x', { mode: 0o4751, mtimeMs }),
      file('plain', 'four'),
      directory('sub'),
    ),
    place,
  )
  t.same(result, { files: 2, bytes: 5 })
  const mode = (path: string) => statSync(join(place, path)).mode & 0o7777
  t.equal(mode('closed'), 0o500)
  t.equal(mode('closed/file'), 0o751, 'set-id bits are not taken')
  t.equal(mode('plain'), 0o640, '0644 less the umask')
  t.equal(mode('sub'), 0o750, '0755 less the umask')
  t.equal(Math.trunc(statSync(join(place, 'closed/file')).mtimeMs), mtimeMs)
  t.equal(Math.trunc(statSync(place).mtimeMs), mtimeMs, 'set after the children were written')
})

t.test('a file, and a symlink, may be all there is', async t => {
  const base = t.testdir()
  await writeTree(entries(file('', 'hello')), join(base, 'file'))
  t.equal(readFileSync(join(base, 'file'), 'utf8'), 'hello')
  await writeTree(entries(link('', 'nowhere')), join(base, 'link'))
  t.equal(readlinkSync(join(base, 'link')), 'nowhere')
})

t.test('entries that would leave the tree are refused', async t => {
  const base = t.testdir({ outside: {} })
  const outside = join(base, 'outside')
  const attempts: Record<string, TreeEntry[]> = {
    parent: [directory(''), file('../outside/x', '')],
    inner: [directory(''), directory('a'), file('a/../../outside/x', '')],
    absolute: [directory(''), file(`${outside}/x`, '')],
    nul: [directory(''), file('a\0b', '')],
    dot: [directory(''), file('.', '')],
    'no root': [file('a', '')],
    'no parent': [directory(''), file('a/b', '')],
    'below a file': [directory(''), file('a', ''), file('a/b', '')],
    'below the root file': [file('', ''), file('a', '')],
    'through a symlink': [directory(''), link('a', outside), file('a/x', '')],
    'a symlink through a symlink': [directory(''), link('a', outside), link('a/x', 'y')],
    nothing: [],
  }
  let run = 0
  for (const [what, list] of Object.entries(attempts)) {
    await t.rejects(writeTree(entries(...list), join(base, `out${run++}`)), { code: 'OUTPUT_REFUSED' }, what)
  }
  const twice: Record<string, TreeEntry[]> = {
    'a symlink and a directory': [directory(''), link('a', outside), directory('a'), file('a/x', '')],
    'two files': [directory(''), file('a', ''), file('a', '')],
    'two directories': [directory(''), directory('a'), directory('a')],
  }
  for (const [what, list] of Object.entries(twice)) {
    await t.rejects(writeTree(entries(...list), join(base, `out${run++}`)), { code: 'OUTPUT_FAILED' }, what)
  }
  t.same(readdirSync(outside), [], 'nothing went there')
})

t.test('the output has its name only when it is whole', async t => {
  const base = t.testdir()
  const output = join(base, 'out')
  const failure = new Error('the node is gone')
  async function* breaking(): AsyncGenerator<TreeEntry> {
    yield directory('', { mode: 0o500 })
    yield file('a', 'x')
    yield directory('sub')
    const names = readdirSync(base)
    t.match(names, [/^\.out\.skep-[0-9a-f]+$/], 'a temporary sibling while it is written')
    throw failure
  }
  const write = (list: AsyncIterable<TreeEntry>, force = false) =>
    writeAtomically(output, { force }, async place => void (await writeTree(list, place)))

  await t.rejects(write(breaking()), failure)
  t.same(readdirSync(base), [], 'nothing stays')

  await write(entries(directory('', { mode: 0o555 }), file('a', 'new')))
  t.same(readdirSync(base), ['out'])
  t.equal(readFileSync(join(output, 'a'), 'utf8'), 'new')
})

t.test('nothing is overwritten without force', async t => {
  const base = t.testdir({ file: 'old', tree: { old: '' }, empty: {}, link: t.fixture('symlink', 'tree') })
  const write = (name: string, list: AsyncIterable<TreeEntry>, force = false) =>
    writeAtomically(join(base, name), { force }, async place => void (await writeTree(list, place)))

  for (const name of ['file', 'tree', 'empty', 'link']) {
    await t.rejects(write(name, entries(file('', 'new'))), { code: 'OUTPUT_EXISTS', fix: /--force/ }, name)
    await t.rejects(write(name, entries(directory(''))), { code: 'OUTPUT_EXISTS' }, name)
  }
  t.equal(readFileSync(join(base, 'file'), 'utf8'), 'old')
  t.same(readdirSync(join(base, 'tree')), ['old'])

  const names = readdirSync(base)
  await write('file', entries(file('', 'new')), true)
  t.equal(readFileSync(join(base, 'file'), 'utf8'), 'new', 'file over file')
  await write('tree', entries(directory(''), file('new', '')), true)
  t.same(readdirSync(join(base, 'tree')), ['new'], 'directory over directory')
  const differs = { code: 'OUTPUT_TYPE_DIFFERS', fix: /remove/ }
  await t.rejects(write('empty', entries(file('', 'new')), true), differs, 'file over directory')
  t.ok(statSync(join(base, 'empty')).isDirectory(), 'it is still there')
  await t.rejects(write('file', entries(directory('')), true), differs, 'directory over file')
  await t.rejects(
    write('link', entries(file('', 'new')), true),
    differs,
    'file over a symlink to a directory',
  )
  await t.rejects(write('link', entries(directory('')), true), differs, 'directory over a symlink to one')
  t.equal(readFileSync(join(base, 'file'), 'utf8'), 'new', 'and so is the file')
  t.same(readdirSync(base), names, 'nothing else stays')
})

t.test('with force a file goes where a symlink leads, and a symlink in place of it', async t => {
  const base = t.testdir({
    elsewhere: { file: 'old' },
    link: t.fixture('symlink', 'elsewhere/file'),
    dangling: t.fixture('symlink', 'nowhere'),
  })
  const write = (name: string, root: TreeEntry) =>
    writeAtomically(join(base, name), { force: true }, async place => {
      await writeTree(entries(root), place)
    })
  await write('link', file('', 'new'))
  t.equal(readlinkSync(join(base, 'link')), 'elsewhere/file', 'the symlink stays')
  t.equal(readFileSync(join(base, 'elsewhere/file'), 'utf8'), 'new')
  t.same(readdirSync(join(base, 'elsewhere')), ['file'], 'nothing temporary stays')
  const nothing = { code: 'OUTPUT_TYPE_DIFFERS', message: /dangling is a symlink to nothing/ }
  await t.rejects(write('dangling', file('', 'new')), nothing)
  t.equal(readlinkSync(join(base, 'dangling')), 'nowhere')

  for (const name of ['link', 'dangling']) {
    await write(name, link('', 'other'))
    t.equal(readlinkSync(join(base, name)), 'other')
  }
  t.equal(readFileSync(join(base, 'elsewhere/file'), 'utf8'), 'new')
  t.same(readdirSync(base), ['dangling', 'elsewhere', 'link'])
})

t.test('what is no file, directory or symlink is never replaced', async t => {
  const base = await temporaryDirectory(t)
  execFileSync('mkfifo', [join(base, 'pipe')])
  symlinkSync('pipe', join(base, 'to-pipe'))
  symlinkSync('socket', join(base, 'to-socket'))
  const listener = createServer().listen(join(base, 'socket'))
  await once(listener, 'listening')
  t.teardown(() => listener.close())
  const before = readdirSync(base)
  const messages = {
    pipe: /pipe is a pipe/,
    socket: /socket is a socket/,
    'to-pipe': /is a symlink to a pipe/,
    'to-socket': /is a symlink to a socket/,
  }
  for (const [name, message] of Object.entries(messages)) {
    for (const root of [file('', 'new'), directory(''), link('', 'x')]) {
      const writing = writeAtomically(join(base, name), { force: true }, async place => {
        await writeTree(entries(root), place)
      })
      await t.rejects(writing, { code: 'OUTPUT_TYPE_DIFFERS', message }, `${root.type} over ${name}`)
    }
  }
  t.ok(lstatSync(join(base, 'pipe')).isFIFO())
  t.ok(lstatSync(join(base, 'socket')).isSocket())
  t.same(readdirSync(base), before)
})

t.test('an output that appears meanwhile is left alone', async t => {
  const base = t.testdir()
  for (const [name, root] of Object.entries({ file: file('', 'mine'), tree: directory('') })) {
    const output = join(base, name)
    const writing = writeAtomically(output, { force: false }, async place => {
      await writeTree(entries(root), place)
      writeFileSync(output, 'theirs')
    })
    await t.rejects(writing, { code: 'OUTPUT_EXISTS' }, name)
    t.equal(readFileSync(output, 'utf8'), 'theirs', name)
  }
  t.same(readdirSync(base), ['file', 'tree'])
})

t.test('where the move fails, what was there comes back', async t => {
  const base = t.testdir({ tree: { old: '' } })
  const output = join(base, 'tree')
  const vanishing = writeAtomically(output, { force: true }, async () => {})
  await t.rejects(vanishing, { code: 'OUTPUT_FAILED' })
  t.same(readdirSync(output), ['old'])
})

t.test('a place that cannot be written to', async t => {
  const base = t.testdir({ file: '' })
  for (const output of [join(base, 'file', 'x'), join(base, 'missing', 'x'), '/proc/x']) {
    const writing = writeAtomically(
      output,
      { force: false },
      async place => void (await writeTree(entries(file('', 'x')), place)),
    )
    const message = new RegExp(`^can't write ${output}: (?!.*\\.skep-)`)
    await t.rejects(writing, { code: 'OUTPUT_FAILED', message }, output)
  }
})

t.test('long names have room for the temporary one', async t => {
  const base = t.testdir()
  const output = join(base, '日'.repeat(85))
  await writeAtomically(
    output,
    { force: false },
    async place => void (await writeTree(entries(file('', 'x')), place)),
  )
  t.equal(readFileSync(output, 'utf8'), 'x')
})

t.test('symlinks are made, never followed', async t => {
  const base = t.testdir({ outside: 'untouched' })
  const output = join(base, 'out')
  await writeTree(
    entries(directory(''), link('a', '../outside'), link('dangling', 'x/y'), file('b', 'x')),
    output,
  )
  t.equal(readlinkSync(join(output, 'a')), '../outside')
  t.equal(readlinkSync(join(output, 'dangling')), 'x/y')
  t.equal(readFileSync(join(base, 'outside'), 'utf8'), 'untouched')

  mkdirSync(join(base, 'real'))
  symlinkSync('real', join(base, 'alias'))
  const through = join(base, 'alias', 'out')
  await writeAtomically(
    through,
    { force: false },
    async place => void (await writeTree(entries(file('', 'x')), place)),
  )
  t.equal(readFileSync(join(base, 'real', 'out'), 'utf8'), 'x', 'the way to the output is the user’s own')
})
