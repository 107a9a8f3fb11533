import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { Command } from 'commander'
import t, { type Test } from 'tap'
import { type Context, contextOf } from '../../../core/cli/context.ts'
import { findSocket } from '../../../core/cli/node-client.ts'
import { createProgram } from '../../../core/cli/program.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

async function listen(t: Test, path: string): Promise<string> {
  const server = createServer(socket => socket.end()).listen(path)
  await once(server, 'listening')
  t.teardown(() => server.close())
  return path
}

t.test('the first socket that answers, else the first that is there', async t => {
  const directory = await temporaryDirectory(t)
  const missing = join(directory, 'missing.sock')
  const silent = join(directory, 'silent.sock')
  writeFileSync(silent, '')
  const one = await listen(t, join(directory, 'one.sock'))
  const other = await listen(t, join(directory, 'other.sock'))
  t.equal(await findSocket([one, other]), one)
  t.equal(await findSocket([missing, other]), other)
  t.equal(await findSocket([silent, other]), other)
  t.equal(
    await findSocket([missing, silent]),
    silent,
    'its error tells more than that of one that is not there',
  )
  t.equal(await findSocket([missing, join(silent, 'below')]), missing)
  t.equal(await findSocket([missing]), missing)
})

t.test('the socket of the service is tried only where no node is named', async t => {
  const service = '/run/skep/skep.sock'
  delete process.env.SKEP_DATA
  delete process.env.SKEP_SOCKET
  const own = contextFor([]).dataDirectory
  t.match(contextFor([]), { socketPath: join(own, 'skep.sock'), sockets: [join(own, 'skep.sock'), service] })
  t.strictSame(contextFor(['--data', '/a']).sockets, ['/a/skep.sock'])
  t.strictSame(contextFor(['--data', own]).sockets, [join(own, 'skep.sock')], 'the default, but said')
  t.strictSame(contextFor(['--socket', '/b.sock']).sockets, ['/b.sock'])
  process.env.SKEP_DATA = '/c'
  t.strictSame(contextFor([]).sockets, ['/c/skep.sock'])
  process.env.SKEP_SOCKET = '/d.sock'
  t.strictSame(contextFor([]).sockets, ['/d.sock'])
})

function contextFor(args: readonly string[]): Context {
  const program = createProgram({ catalogue: {} })
  const probe = new Command('probe').action(() => {})
  program.addCommand(probe)
  program.parse([...args, 'probe'], { from: 'user' })
  return contextOf(probe)
}
