import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { skep } from '../../helpers/skep-process.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

const CLI = fileURLToPath(new URL('../../../core/cli/main.ts', import.meta.url))
const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))

/** Every command and subcommand that help tells of. */
const COMMANDS = [
  'init',
  'start',
  'stop',
  'status',
  'add',
  'get',
  'cat',
  'ls',
  'pin',
  'pin add',
  'pin rm',
  'pin ls',
  'peers',
  'connect',
  'providers',
  'plugins',
  'config',
  'config show',
  'config check',
  'config docs',
  'storage',
  'storage stats',
  'storage verify-refs',
  'storage compact',
  'storage rebuild',
  'version',
]

t.test('version', async t => {
  t.same(await skep(['version']), { code: 0, stdout: `${version}\n`, stderr: '' })
  const { stdout } = await skep(['version', '--json'])
  t.match(JSON.parse(stdout), { version, node: process.versions.node })
  for (const option of ['--version', '-V']) t.match(await skep([option]), { code: 0, stdout: `${version}\n` })
})

t.test('help lists every command, and every command has an example', async t => {
  const help = await skep(['--help'])
  t.equal(help.code, 0)
  for (const command of COMMANDS.filter(name => !name.includes(' '))) {
    t.match(help.stdout, new RegExp(`^  ${command} `, 'm'), command)
  }
  for (const command of COMMANDS) {
    const { code, stdout, stderr } = await skep([...command.split(' '), '--help'])
    t.equal(code, 0, command)
    t.equal(stderr, '', command)
    t.match(stdout, /^Examples?:\n {2}\S/m, `${command} has an example`)
    t.match(stdout, /--json/, `${command} tells of --json`)
  }
  t.match(await skep(['help', 'add']), { code: 0, stdout: /Usage: skep add/ })
  t.match(await skep(['help', 'pin', 'add']), { code: 0, stdout: /Usage: skep pin add/ })
  t.match(await skep(['--json', 'help']), { code: 0, stdout: help.stdout })
  t.match(await skep(['help', 'ad']), { code: 2, stdout: '', stderr: /Did you mean add\?/ })
})

t.test('usage errors end with 2 and say how to go on', async t => {
  const mistakes = [
    ['ad'],
    ['add', '--frob'],
    ['get'],
    ['cat', 'x', 'y'],
    ['cat', 'x', '--offset', 'much'],
    ['pin', 'adds'],
    ['connect'],
  ]
  for (const args of mistakes) {
    const { code, stdout, stderr } = await skep(args)
    t.equal(code, 2, args.join(' '))
    t.equal(stdout, '', args.join(' '))
    t.match(stderr, /^error: .+\n(.+\n)?fix: .+\n$/, args.join(' '))
  }
  t.match(await skep(['ad']), { stderr: /Did you mean add\?/ })
  const { code, stderr } = await skep(['add', '--frob', '--json'])
  t.equal(code, 2)
  t.match(JSON.parse(stderr), { error: { code: 'USAGE', message: /--frob/, fix: /--help/ } })

  for (const args of [[], ['pin']]) {
    t.match(await skep(args), { code: 2, stdout: '', stderr: /Usage: skep/ }, 'help where nothing is said')
  }
})

t.test('an empty text is no path', async t => {
  const cwd = await temporaryDirectory(t)
  const cases: [string[], RegExp][] = [
    [['status', '--data', ''], /--data/],
    [['status', '--socket', ''], /--socket/],
    [['start', '--config', ''], /--config/],
    [['get', 'x', '-o', ''], /--output/],
    [['get', ''], /path/],
    [['cat', ''], /path/],
    [['add', ''], /paths/],
    [['pin', 'add', ''], /path/],
    [['connect', ''], /address/],
  ]
  for (const [args, named] of cases) {
    const { code, stderr } = await skep(args, { cwd })
    t.equal(code, 2, args.join(' '))
    t.match(stderr, named, args.join(' '))
  }
  const env = { SKEP_DATA: '', SKEP_SOCKET: '', XDG_DATA_HOME: cwd }
  const { code, stderr } = await skep(['peers'], { cwd, env })
  t.equal(code, 3)
  t.match(stderr, join(cwd, 'skep', 'skep.sock'), 'an empty variable counts as unset')
})

t.test('without a node commands end with 3, naming the path and how to start', async t => {
  const directory = await temporaryDirectory(t)
  const socket = join(directory, 'skep.sock')
  writeFileSync(join(directory, 'file'), 'content')
  const commands = [
    ['status'],
    ['stop'],
    ['peers'],
    ['plugins'],
    ['ls', 'x'],
    ['cat', 'x'],
    ['get', 'x', '-o', join(directory, 'out')],
    ['pin', 'ls'],
    ['connect', '/ip4/127.0.0.1/tcp/1'],
    ['config', 'show', '--running'],
    ['add', join(directory, 'file')],
  ]
  for (const args of commands) {
    const { code, stderr } = await skep([...args, '--data', directory])
    t.equal(code, 3, args.join(' '))
    t.equal(stderr.split('\n')[0], `error: no node answers on ${socket} (ENOENT)`)
    t.match(stderr, /^fix: .*skep start/m)
  }
  const env = { SKEP_SOCKET: join(directory, 'file') }
  t.match(await skep(['status', '--json'], { env }), { code: 3, stderr: /NODE_NOT_RUNNING.*ECONNREFUSED/ })
  t.match(await skep(['status'], { env: { SKEP_DATA: directory } }), { code: 3, stderr: new RegExp(socket) })
  t.match(await skep(['status', '--data', join(directory, 'file')]), { code: 3, stderr: /ENOTDIR/ })
})

t.test('a socket path that is too long', async t => {
  const socket = `/tmp/${'x'.repeat(120)}`
  const { code, stderr } = await skep(['status', '--socket', socket, '--json'])
  t.equal(code, 1)
  t.match(JSON.parse(stderr), {
    error: { code: 'SOCKET_PATH_TOO_LONG', message: /125 bytes.*107/, fix: /--socket/ },
  })
})

t.test('a data directory that is none', async t => {
  const file = join(await temporaryDirectory(t), 'file')
  writeFileSync(file, '')
  for (const command of [['init'], ['start'], ['storage', 'rebuild']]) {
    for (const directory of [file, join(file, 'below'), '/proc/nothing']) {
      const { code, stderr, stdout } = await skep([...command, '--data', directory, '--json'])
      t.equal(code, 1)
      t.equal(stdout, '')
      const message = new RegExp(directory)
      t.match(JSON.parse(stderr), { error: { code: 'DATA_DIRECTORY_INVALID', message, fix: /--data/ } })
    }
  }
})

t.test('stacks are for SKEP_DEBUG alone', async t => {
  const args = ['status', '--data', await temporaryDirectory(t)]
  t.notMatch((await skep(args)).stderr, /\n\s+at /)
  t.match((await skep(args, { env: { SKEP_DEBUG: '1' } })).stderr, /\n\s+at /)
})

t.test('a reader that has seen enough is no failure', async t => {
  const child = spawn(process.execPath, [CLI, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.destroy()
  const errors: Buffer[] = []
  child.stderr.on('data', chunk => errors.push(chunk))
  const [code] = await once(child, 'close')
  t.equal(code, 0)
  t.equal(Buffer.concat(errors).toString(), '')
})

t.test('a disk that is full is a failure that says so', async t => {
  const full = openSync('/dev/full', 'w')
  t.teardown(() => closeSync(full))
  const child = spawn(process.execPath, [CLI, 'version', '--json'], { stdio: ['ignore', full, 'pipe'] })
  const told = child.stderr?.toArray()
  const [code] = await once(child, 'close')
  t.equal(code, 1)
  t.match(JSON.parse(Buffer.concat((await told) ?? []).toString()), {
    error: { code: 'OUTPUT_FAILED', message: /stdout: ENOSPC/ },
  })
})
