import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Command } from 'commander'
import t from 'tap'
import { createProgram, createWholeProgram } from '../../../core/cli/program.ts'
import { isSkepError } from '../../../core/errors.ts'
import { catalogue } from '../../../plugins/catalogue.ts'
import { skep } from '../../helpers/skep-process.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

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

t.test('another board has no say over the terminal', async t => {
  const directory = await temporaryDirectory(t)
  const evil = '\u001b]0;mine\u0007\u009b2J\r\u202e'
  const shown = '\\u001b]0;mine\\u0007\\u009b2J\\u000d\\u202e'
  let answer = ''
  const board = createServer(socket =>
    socket.once('data', () => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: skep-control\r\n\r\n')
      socket.once('data', () => socket.end(`HTTP/1.1 ${answer}`))
    }),
  ).listen(join(directory, 'skep.sock'))
  await once(board, 'listening')
  t.teardown(() => board.close())
  const running = ['config', 'show', '--running', '--node', 'kitchen', '--data', directory]
  const entry = { key: 'log.level', value: evil, text: evil, origin: evil }
  answer = `200 OK\r\n\r\n${JSON.stringify([entry])}`
  t.match(await skep(running), { code: 0, stdout: `log.level: ${shown}\n` })
  const { stdout } = await skep([...running, '--json'])
  t.notMatch(stdout, /[\u0080-\u009f\u202e]/)
  t.match(JSON.parse(stdout), { value: evil }, 'and programs are told what it said')
  answer = `500 Oops\r\n\r\n${JSON.stringify({ error: { code: 'X', message: evil, fix: evil } })}`
  t.match(await skep(running), { code: 1, stderr: `error: ${shown}\nfix: ${shown}\n` })
})
