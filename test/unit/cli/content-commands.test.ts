import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { CID } from 'multiformats/cid'
import t, { type Test } from 'tap'
import { answerWithBytes } from '../../../core/control/answers.ts'
import { createControl } from '../../../core/control/server.ts'
import { encodeTar, type TreeEntry } from '../../../core/control/tar.ts'
import { silentLogger } from '../../../core/logger.ts'
import { startContentServer } from '../../helpers/content-server.ts'
import { eventually } from '../../helpers/eventually.ts'
import { QUIET } from '../../helpers/quiet-node.ts'
import { SkepProcess, skep } from '../../helpers/skep-process.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'
import { describeTree } from '../../helpers/tree.ts'

const MIB = 1024 * 1024
const CLI = fileURLToPath(new URL('../../../core/cli/main.ts', import.meta.url))
const HELLO = 'bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4'

async function start(t: Test) {
  const server = await startContentServer(t)
  const { directory } = server
  return {
    ...server,
    run: (args: string[], options = {}) =>
      skep([...args, '--data', directory], { cwd: directory, ...options }),
  }
}

/** A tree with what a file system has to offer. */
function plant(directory: string): string {
  const tree = join(directory, 'tree')
  mkdirSync(join(tree, 'sub', 'deep'), { recursive: true })
  mkdirSync(join(tree, 'empty'))
  writeFileSync(join(tree, 'big'), randomBytes(3 * MIB))
  writeFileSync(join(tree, 'none'), '')
  writeFileSync(join(tree, 'sub', 'run'), '#!/bin/sh\n')
  writeFileSync(join(tree, 'sub', 'deep', `ä b\n${'x'.repeat(200)}`), 'odd name')
  writeFileSync(join(tree, '.hidden'), 'hidden')
  chmodSync(join(tree, 'sub', 'run'), 0o751)
  chmodSync(join(tree, 'sub', 'deep'), 0o500)
  symlinkSync('../big', join(tree, 'sub', 'link'))
  symlinkSync('/nowhere', join(tree, 'dangling'))
  return tree
}

t.test('files: add, cat and get', async t => {
  const { directory, run } = await start(t)
  writeFileSync(join(directory, 'hello.txt'), 'hello world\n')
  t.same(await run(['add', 'hello.txt']), { code: 0, stdout: `${HELLO}  hello.txt\n`, stderr: '' })
  t.same(await run(['add', '-q', 'hello.txt']), { code: 0, stdout: `${HELLO}\n`, stderr: '' })
  const json = await run(['add', 'hello.txt', '--json'])
  t.same(JSON.parse(json.stdout), { cid: HELLO, size: 12, files: 1, path: 'hello.txt' })
  const input = 'hello world\n'
  t.match(await run(['add', '-q', '-'], { input }), { code: 0, stdout: `${HELLO}\n` })
  t.match(
    await run(['add', '-q'], { input }),
    { code: 0, stdout: `${HELLO}\n` },
    'stdin is the default in a pipe',
  )

  symlinkSync('hello.txt', join(directory, 'alias'))
  t.match(await run(['add', 'alias']), { code: 0, stdout: `${HELLO}  alias\n` }, 'what is named is followed')
  execFileSync('mkfifo', [join(directory, 'pipe')])
  const adding = run(['add', '-q', 'pipe'])
  writeFileSync(join(directory, 'pipe'), 'hello world\n')
  t.match(await adding, { code: 0, stdout: `${HELLO}\n` }, 'a pipe is read to its end')

  writeFileSync(join(directory, 'other'), 'other')
  const several = await run(['add', 'hello.txt', 'other', '--json'])
  const paths = several.stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line).path)
  t.same(paths, ['hello.txt', 'other'])

  t.same(await run(['cat', HELLO]), { code: 0, stdout: 'hello world\n', stderr: '' })
  t.match(await run(['cat', HELLO, '--offset', '6', '--length', '5']), { stdout: /^world$/ })

  t.same(await run(['get', HELLO, '-o', 'out']), { code: 0, stdout: 'out: 1 file, 12 B\n', stderr: '' })
  t.equal(readFileSync(join(directory, 'out'), 'utf8'), 'hello world\n')
  t.match(await run(['get', HELLO, '-o', 'out']), { code: 1, stderr: /^error: out exists\nfix: .*--force/ })
  t.match(await run(['get', HELLO, '-o', 'out', '--force', '--json']), { code: 0, stdout: /"bytes":12/ })
  t.match(await run(['get', HELLO]), { code: 0 })
  t.equal(readFileSync(join(directory, HELLO), 'utf8'), 'hello world\n', 'named after the CID')

  mkdirSync(join(directory, 'od'))
  t.match(await run(['get', HELLO, '-o', 'od', '--force']), { code: 1, stderr: /od is a directory/ })
  t.same(readdirSync(join(directory, 'od')), [])
  t.match(await run(['get', HELLO, '-o', 'od/']), { code: 0, stdout: `od/${HELLO}: 1 file, 12 B\n` })
  t.same(readdirSync(join(directory, 'od')), [HELLO], 'a closing slash means into')
})

t.test('a pipe of the shell is added', async t => {
  const { directory } = await start(t)
  const script = 'exec "$0" "$@" <(echo hello world)'
  const command = [process.execPath, CLI, 'add', '-q', '--data', directory]
  t.equal((await promisify(execFile)('bash', ['-c', script, ...command])).stdout, `${HELLO}\n`)
})

t.test('waiting for a pipe that nobody writes to can be interrupted', async t => {
  const { directory } = await start(t)
  const pipe = join(directory, 'pipe')
  execFileSync('mkfifo', [pipe])
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const child = spawn(process.execPath, [CLI, 'add', 'pipe', '--data', directory], { cwd: directory })
    t.teardown(() => child.kill('SIGKILL'))
    const closed = once(child, 'close')
    const errors: Buffer[] = []
    child.stderr.on('data', chunk => errors.push(chunk))
    await eventually('the pipe to be opened', () => hasOpen(child.pid, pipe) || undefined)
    child.kill(signal)
    t.same(await closed, [1, null], signal)
    t.match(Buffer.concat(errors).toString(), new RegExp(`interrupted by ${signal}`))
  }
})

function hasOpen(pid: number | undefined, path: string): boolean {
  const directory = `/proc/${pid}/fd`
  return readdirSync(directory).some(fd => {
    try {
      return readlinkSync(join(directory, fd)) === path
    } catch {
      return false // Closed meanwhile.
    }
  })
}

t.test('a tree comes back with names, symlinks and, when asked for, modes', async t => {
  const { directory, run, pins } = await start(t)
  const tree = plant(directory)
  const { stdout } = await run(['add', 'tree', '--hidden', '--preserve-mode', '--json', '--name', 'mine'])
  const { cid, files } = JSON.parse(stdout)
  t.equal(files, 5)
  t.match(pins.get(CID.parse(cid)), { name: 'mine', state: 'pinned' })
  t.match(await run(['get', cid, '-o', 'back', '--json']), { code: 0 })
  t.same(await describeTree(join(directory, 'back')), await describeTree(tree))

  const plain = await run(['add', '-q', 'tree'])
  t.not(plain.stdout, `${cid}\n`, 'modes change the CID')
  await run(['get', plain.stdout.trim(), '-o', 'plain'])
  const names = async (name: string) =>
    (await describeTree(join(directory, name)))
      .map(line => line.replace(/ \d+ /, ' '))
      .filter(line => !/hidden/.test(line))
      .sort()
  t.same(await names('plain'), await names('tree'), 'all but modes and hidden files')

  t.match(await run(['get', `${cid}/sub/run`]), { code: 0 })
  t.equal(readFileSync(join(directory, 'run'), 'utf8'), '#!/bin/sh\n', 'named after the last part')

  const listed = await run(['ls', cid])
  t.match(listed.stdout, /^- +3145728 {2}\S+ {2}big$/m)
  t.match(listed.stdout, /^d +- {2}\S+ {2}sub$/m)
  t.match(listed.stdout, /^l +\S+ {2}\S+ {2}dangling$/m)
  t.match(await run(['ls', `${cid}/sub/deep`]), { stdout: /ä b\\u000axxx/ }, 'names can not break lines')
  const lines = (await run(['ls', cid, '--json'])).stdout.trim().split('\n')
  t.match(
    lines.map(line => JSON.parse(line)).find(({ name }) => name === 'big'),
    { type: 'file', size: 3 * MIB },
  )
})

t.test('pins', async t => {
  const { run } = await start(t)
  await run(['add', '--no-pin'], { input: 'hello world\n' })
  t.match(await run(['pin', 'ls']), { code: 0, stdout: '' })
  t.match(await run(['pin', 'add', HELLO, '--name', 'greeting']), {
    code: 0,
    stdout: `${HELLO}  pinned  greeting\n`,
  })
  t.match(JSON.parse((await run(['pin', 'ls', '--json'])).stdout), {
    cid: HELLO,
    name: 'greeting',
    state: 'pinned',
  })
  t.match(await run(['pin', 'rm', HELLO]), { code: 0, stdout: `unpinned ${HELLO}\n` })
  t.match(await run(['pin', 'rm', HELLO, '--json']), { code: 1, stderr: /"NOT_PINNED"/ })
})

t.test('bad input ends with 1 and says what', async t => {
  const { directory, run } = await start(t)
  await run(['add'], { input: 'hello world\n' })
  const cases: [string[], RegExp][] = [
    [['cat', 'nonsense'], /CID_INVALID.*nonsense/],
    [['cat', `${HELLO}/a`], /PATH_NOT_FOUND/],
    [['get', 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'], /CONTENT_UNAVAILABLE/],
    [['ls', HELLO], /NOT_A_DIRECTORY/],
    [['add', 'missing'], /INPUT_UNREADABLE.*missing.*ENOENT/],
    [['add', '/dev/null'], /INPUT_UNSUPPORTED/],
    [['get', HELLO, '-o', 'no/where'], /OUTPUT_FAILED/],
  ]
  for (const [args, expected] of cases) {
    const { code, stdout, stderr } = await run([...args, '--json'])
    t.equal(code, 1, args.join(' '))
    t.equal(stdout, '', args.join(' '))
    t.match(stderr, expected, args.join(' '))
  }
  t.same(readdirSync(directory), ['skep.sock'], 'and leaves nothing')
})

t.test('an upload that is refused midway ends with 1 and the reason', async t => {
  const directory = await temporaryDirectory(t)
  const maxBytes = 32 * MIB
  const limits = [`storage.maxBytes=${maxBytes}`, 'storage.minFreeDiskBytes=0']
  const node = await SkepProcess.start(directory, [...QUIET, ...limits.flatMap(limit => ['--set', limit])])
  t.teardown(() => node.end())
  const tooMuch = randomBytes(2 * maxBytes)
  const tree = join(directory, 'tree')
  mkdirSync(tree)
  for (let at = 0; at < 16; at++) {
    writeFileSync(
      join(tree, `${at}`),
      tooMuch.subarray((at * tooMuch.length) / 16, ((at + 1) * tooMuch.length) / 16),
    )
  }
  // More than once: what the client reads and what it can't write any more come in either order.
  for (let round = 0; round < 4; round++) {
    for (const [path, input] of [
      ['-', tooMuch],
      [tree, ''],
    ] as const) {
      const { code, stdout, stderr } = await node.run(['add', path, '--json'], { input })
      t.equal(code, 1, path)
      t.equal(stdout, '')
      t.match(JSON.parse(stderr), { error: { code: 'STORAGE_FULL', message: /no room/ } })
    }
  }
})

t.test('cat into a reader that has seen enough', async t => {
  const { directory, run } = await start(t)
  const { stdout } = await run(['add', '-q'], { input: randomBytes(20 * MIB) })
  const child = spawn(process.execPath, [CLI, 'cat', stdout.trim(), '--data', directory])
  const errors: Buffer[] = []
  child.stderr.on('data', chunk => errors.push(chunk))
  await once(child.stdout, 'data')
  child.stdout.destroy()
  t.equal((await once(child, 'close'))[0], 0)
  t.equal(Buffer.concat(errors).toString(), '')
})

/** A node that sends `entries` and then what `until` says. */
async function startSender(t: Test, entries: () => AsyncIterable<TreeEntry>) {
  const directory = await temporaryDirectory(t)
  const control = createControl({ socketPath: join(directory, 'skep.sock') }, { log: silentLogger })
  control.routes(app => {
    app.get('/content/export', (request, reply) =>
      answerWithBytes(request, reply, encodeTar(entries()), () => ({ 'content-type': 'application/x-tar' })),
    )
  })
  await control.listen()
  t.teardown(() => control.close())
  return directory
}

t.test('get writes into pipes and devices, which stay', async t => {
  const { directory, run } = await start(t)
  const at = (name: string): string => join(directory, name)
  writeFileSync(at('big'), randomBytes(3 * MIB))
  mkdirSync(at('tree'))
  const [big, tree] = (await run(['add', '-q', 'big', 'tree'])).stdout.trim().split('\n')
  if (!big || !tree) throw new Error('nothing was added')
  execFileSync('mkfifo', [at('pipe')])
  symlinkSync('pipe', at('alias'))
  for (const [output, flags] of [
    ['pipe', ['--force']],
    ['alias', []],
  ] as const) {
    const getting = run(['get', big, '-o', output, ...flags, '--json'])
    const received = await readFile(at(output))
    t.match(await getting, { code: 0, stdout: /"files":1,"bytes":3145728/ })
    t.ok(received.equals(readFileSync(at('big'))), `all of it came out of ${output}`)
  }
  t.match(await run(['get', tree, '-o', 'pipe']), {
    code: 1,
    stderr: /error: pipe is a device or pipe, and the content is a directory\nfix: /,
  })

  const leaving = run(['get', big, '-o', 'pipe'])
  await (await open(at('pipe'))).close()
  t.match(await leaving, { code: 1, stderr: /can't write pipe: write EPIPE/ }, 'whoever reads may leave')
  t.ok(lstatSync(at('pipe')).isFIFO())

  const isRoot = process.getuid?.() === 0
  await t.test('devices', { skip: !isRoot && 'making a device needs root' }, async t => {
    execFileSync('mknod', [at('null'), 'c', '1', '3'])
    execFileSync('mknod', [at('full'), 'c', '1', '7'])
    // No machine has so many loop devices: nothing is behind it.
    execFileSync('mknod', [at('disk'), 'b', '7', '1000000'])
    for (const flags of [[], ['--force']]) {
      t.match(await run(['get', big, '-o', 'null', ...flags]), {
        code: 0,
        stdout: 'null: 1 file, 3.00 MiB\n',
      })
    }
    t.match(await run(['get', big, '-o', 'full', '--force']), { code: 1, stderr: /can't write full: ENOSPC/ })
    t.match(await run(['get', big, '-o', 'disk']), { code: 1, stderr: /error: disk exists\n/ })
    t.match(await run(['get', big, '-o', 'disk', '--force']), { code: 1, stderr: /can't write disk: / })
    t.ok(lstatSync(at('null')).isCharacterDevice())
    t.ok(lstatSync(at('full')).isCharacterDevice())
    t.ok(lstatSync(at('disk')).isBlockDevice())
  })
})

t.test('a get that waits for a reader is interrupted', async t => {
  const asked = Promise.withResolvers<void>()
  const directory = await startSender(t, async function* () {
    yield {
      type: 'file',
      path: 'root',
      size: 1,
      bytes: async function* () {
        yield Buffer.from('x')
        asked.resolve()
      },
    }
  })
  execFileSync('mkfifo', [join(directory, 'pipe')])
  let child: ChildProcess | undefined
  const getting = skep(['get', 'x', '-o', 'pipe', '--data', directory, '--json'], {
    cwd: directory,
    onStart: started => {
      child = started
    },
  })
  await asked.promise
  child?.kill('SIGINT')
  t.match(await getting, { code: 1, stderr: /"INTERRUPTED".*SIGINT/ })
})

t.test('a get that is interrupted leaves nothing', async t => {
  const halfway = Promise.withResolvers<void>()
  const directory = await startSender(t, async function* () {
    yield { type: 'directory', path: 'root' }
    yield { type: 'file', path: 'root/a', size: 2 * MIB, bytes: endless }
  })
  async function* endless() {
    yield randomBytes(MIB)
    halfway.resolve()
    await new Promise(() => {})
  }
  const child = spawn(process.execPath, [CLI, 'get', 'x', '-o', 'out', '--data', directory, '--json'], {
    cwd: directory,
  })
  const errors: Buffer[] = []
  child.stderr.on('data', chunk => errors.push(chunk))
  await halfway.promise
  while (!readdirSync(directory).some(name => /^\.out\.skep-[0-9a-f]{8}$/.test(name))) {
    await new Promise(resolve => setImmediate(resolve))
  }
  child.kill('SIGINT')
  t.equal((await once(child, 'close'))[0], 1)
  t.match(Buffer.concat(errors).toString(), /"INTERRUPTED".*SIGINT/)
  t.same(readdirSync(directory), ['skep.sock'])
})

t.test('a get whose node fails, or sends what it should not, leaves nothing', async t => {
  const bytes = async function* () {
    yield Buffer.from('x')
  }
  const failing = async function* () {
    yield Buffer.from('x')
    throw new Error('the disk of the node is gone')
  }
  const root = { type: 'directory', path: 'root' } as const
  const cases: [string, TreeEntry[], RegExp][] = [
    [
      'failing',
      [root, { type: 'file', path: 'root/a', size: 2, bytes: failing }],
      /INTERNAL_ERROR.*disk of the node/,
    ],
    ['outside', [root, { type: 'file', path: 'other/a', size: 1, bytes }], /OUTPUT_REFUSED/],
    ['leaving', [root, { type: 'file', path: 'root/../../a', size: 1, bytes }], /TREE_ENTRY_REFUSED/],
    ['no parent', [root, { type: 'file', path: 'root/a/b', size: 1, bytes }], /OUTPUT_REFUSED/],
  ]
  for (const [what, list, expected] of cases) {
    const directory = await startSender(t, async function* () {
      yield* list
    })
    const { code, stderr } = await skep(['get', 'x', '-o', 'out', '--data', directory, '--json'], {
      cwd: directory,
    })
    t.equal(code, 1, what)
    t.match(stderr, expected, what)
    t.same(readdirSync(directory), ['skep.sock'], what)
  }
})
