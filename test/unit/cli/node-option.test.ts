import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { Command } from 'commander'
import t, { type Test } from 'tap'
import { createProgram, createWholeProgram } from '../../../core/cli/program.ts'
import { isSkepError } from '../../../core/errors.ts'
import { catalogue } from '../../../plugins/catalogue.ts'
import { skep } from '../../helpers/skep-process.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

/** The beginning of an answer. */
const OK = 'HTTP/1.1 200 OK\r\n\r\n'

const leavesOf = (command: Command): Command[] =>
  command.commands.length > 0 ? command.commands.flatMap(leavesOf) : [command]

const pathOf = (command: Command): string[] =>
  command.parent ? [...pathOf(command.parent), command.name()] : []

/** Options that a command can't be without. */
const NEEDED: Readonly<Record<string, readonly string[]>> = { 'token create': ['--scope', 'read'] }

t.test('each command goes to the node that is named, or says why it cannot', async t => {
  const directory = await temporaryDirectory(t)
  const file = join(directory, 'file')
  await writeFile(file, 'hello')
  process.setMaxListeners(0)
  const stays: string[] = []
  for (const leaf of leavesOf(await createWholeProgram({ catalogue }))) {
    const path = pathOf(leaf)
    const name = path.join(' ')
    const given = leaf.registeredArguments.map(argument => (argument.name() === 'value' ? '80' : file))
    const argv = [...path, ...given, ...(NEEDED[name] ?? []), '--node', 'kitchen', '--data', directory]
    const error = await createProgram({ catalogue })
      .parseAsync(argv, { from: 'user' })
      .then(
        () => undefined,
        error => error,
      )
    if (isSkepError(error, 'USAGE')) {
      t.match(error.message, `${name} cannot be run on another board: it `)
      stays.push(name)
    } else {
      // No command looks into files of this machine instead.
      t.ok(isSkepError(error, 'NODE_NOT_RUNNING'), name, { error })
    }
  }
  t.same(stays.sort(), [
    'config check',
    'config docs',
    'config show',
    'fleet backup-key',
    'fleet create',
    'fleet join',
    'fleet leave',
    'fleet restore-key',
    'init',
    'start',
    'storage compact',
    'storage rebuild',
    'token create',
    'token ls',
    'token revoke',
    'version',
  ])
})

t.test('how --node is given', async t => {
  const data = ['--data', await temporaryDirectory(t)]
  const byOption = await skep(['version', '--node', 'kitchen', ...data])
  t.match(byOption, { code: 2, stderr: /leave --node out/ })
  const byEnv = await skep(['version', ...data], { env: { SKEP_NODE: 'kitchen' } })
  t.match(byEnv, { code: 2, stderr: /unset SKEP_NODE/ })
  t.match(await skep(['version', ...data], { env: { SKEP_NODE: '' } }), { code: 0 }, 'empty is unset')
  t.match(await skep(['status', '--node', '', ...data]), { code: 2, stderr: /empty/ })
  t.match(await skep(['--node', 'kitchen', 'status', ...data]), { code: 3 }, 'the node here does not run')
  t.match(await skep(['--node', 'kitchen', 'statsu', ...data]), { code: 2, stderr: /Run `skep --help`/ })
})

/** A node here whose tunnels lead to a board that says what it likes, and then hangs up. */
async function hostileBoard(t: Test) {
  const directory = await temporaryDirectory(t)
  let answer: string | Iterable<string> = ''
  const node = createServer(socket =>
    socket
      .on('error', () => {})
      .once('data', () => {
        socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: skep-control\r\n\r\n',
        )
        socket.once('data', () =>
          typeof answer === 'string' ? socket.end(answer) : Readable.from(answer).pipe(socket),
        )
      }),
  ).listen(join(directory, 'skep.sock'))
  await once(node, 'listening')
  t.teardown(() => node.close())
  return (args: readonly string[], says: string | Iterable<string>, env: Record<string, string> = {}) => {
    answer = says
    return skep([...args, '--node', 'kitchen', '--data', directory], { env })
  }
}

t.test('another board has no say over the terminal', async t => {
  const run = await hostileBoard(t)
  const evil = '\u001b]0;mine\u0007\u009b2J\r\u202e'
  const shown = '\\u001b]0;mine\\u0007\\u009b2J\\u000d\\u202e'
  const command = ['config', 'show', '--running']
  const entry = { key: 'log.level', value: evil, text: evil, origin: evil }
  const listed = `${OK}${JSON.stringify([entry])}`
  t.match(await run(command, listed), { code: 0, stdout: `log.level: ${shown}\n` })
  const { stdout } = await run([...command, '--json'], listed)
  t.notMatch(stdout, /[\u0080-\u009f\u202e]/)
  t.match(JSON.parse(stdout), { value: evil }, 'and programs are told what it said')
  const failed = `HTTP/1.1 500 Oops\r\n\r\n${JSON.stringify({ error: { code: 'X', message: evil, fix: evil } })}`
  t.match(await run(command, failed), { code: 1, stderr: `error: ${shown}\nfix: ${shown}\n` })
  const { stderr } = await run(command, failed, { SKEP_DEBUG: '1' })
  t.match(stderr, /\n\s+at /)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what may not be there.
  t.notMatch(stderr, /[\u0000-\u0008\u000b-\u001f\u0080-\u009f\u202e]/)
})

t.test('nor over what an exit code means', async t => {
  const run = await hostileBoard(t)
  const error = (code: string) => JSON.stringify({ error: { code, message: 'mine', fix: 'mine' } })
  for (const code of ['NODE_NOT_RUNNING', 'USAGE', 'INTERRUPTED']) {
    const told = {
      code: 1,
      stdout: '',
      stderr: new RegExp(`"ANSWER_INVALID","message":"the node answered with ${code}`),
    }
    const answers = {
      status: `HTTP/1.1 400 No\r\n\r\n${error(code)}`,
      line: `${OK}${error(code)}\n`,
      trailer: `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nskep-error: ${encodeURIComponent(error(code).slice(9, -1))}\r\n\r\n`,
    }
    t.match(await run(['status', '--json'], answers.status), told)
    t.match(await run(['events', '--json'], answers.line), told)
    t.match(await run(['cat', 'x', '--json'], answers.trailer), told)
  }
})

t.test('what is no answer is no success', async t => {
  const run = await hostileBoard(t)
  const upgrade = 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'
  const cases: [string[], string, string][] = [
    [['status'], upgrade, 'BOARD_GONE'],
    [['add', '-'], upgrade, 'BOARD_GONE'],
    [['stop'], upgrade, 'BOARD_GONE'],
    [['cat', 'x'], 'HTTP/1.1 204 Nothing\r\n\r\n', 'ANSWER_INVALID'],
    [['cat', 'x'], 'HTTP/1.1 302 Elsewhere\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n', 'ANSWER_INVALID'],
    [['pin', 'ls'], `${OK}{"result":{}`, 'BOARD_GONE'],
    [['pin', 'ls'], `${OK}5\n`, 'ANSWER_INVALID'],
    [['pin', 'ls'], `${OK}{"error":5}\n`, 'ANSWER_INVALID'],
    [['pin', 'add', 'x'], `${OK}{"progress":null}\n`, 'ANSWER_INVALID'],
    [['fleet', 'members'], `${OK}null`, 'ANSWER_INVALID'],
  ]
  for (const [args, says, code] of cases) {
    const outcome = await run([...args, '--json'], says)
    t.equal(outcome.code, 1, args.join(' '))
    t.match(JSON.parse(outcome.stderr), { error: { code } }, args.join(' '))
  }
  for (const says of ['{}', '[{}]', '{"plugins":5}', `${'['.repeat(100_000)}${']'.repeat(100_000)}`]) {
    const { code, stderr } = await run(['status'], OK + says)
    t.same([code, /^error: the node answered with what this command can't read: /.test(stderr)], [1, true])
  }
})

t.test('nor does one take all memory', async t => {
  const run = await hostileBoard(t)
  function* endless(text: string, most = Number.POSITIVE_INFINITY): Generator<string> {
    yield OK
    for (let bytes = 0; bytes < most; bytes += text.length) yield text
  }
  const line = { code: 1, stderr: /"ANSWER_INVALID","message":"the node answered with a line of more than/ }
  t.match(await run(['events', '--json'], endless('x'.repeat(65_536))), line)
  const all = { code: 1, stderr: /the node answered with more than 67108864 bytes/ }
  const item = `${JSON.stringify({ item: { peer: 'x'.repeat(60_000) } })}\n`
  t.match(await run(['providers', 'x'], endless(item)), all)
  const wide = JSON.stringify(Array.from({ length: 50_000 }, () => ({ name: 'a', health: {} })))
  const first = JSON.stringify({ name: 'x'.repeat(1_000_000), health: {} })
  const { code, stdout } = await run(['plugins'], `${OK}[${first},${wide.slice(1)}`)
  t.ok(code === 1 || stdout.length < 64 * 1024 * 1024, 'a table is as wide as a terminal may be')
})
