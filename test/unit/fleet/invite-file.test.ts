import { access, link, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { fleetError } from '../../../core/fleet/errors.ts'
import { useInviteFile } from '../../../core/fleet/invite-file.ts'
import { silentLogger } from '../../../core/logger.ts'
import { eventually } from '../../helpers/eventually.ts'
import { invite, startFleetNode } from './fleet-node.ts'

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

t.test('a board joins at its start by the invite on its card, which then is erased', async t => {
  const desk = await startFleetNode(t)
  await desk.fleet.create('home', 'desk')
  const path = join(t.testdir(), 'skep-invite.txt')
  const text = await invite(desk)
  await writeFile(path, `${text}\r\n`)
  // Another name of the same bytes on the disk shows what became of them.
  const bytes = `${path}.bytes`
  await link(path, bytes)
  const board = await startFleetNode(t, { inviteFile: path })
  await board.knows(desk, board)
  await eventually('the file to go', async () => !(await exists(path)) || undefined)
  t.same(await readFile(bytes), Buffer.alloc(text.length + 2), 'overwritten, then deleted')

  await writeFile(path, text)
  await board.stop()
  const again = await startFleetNode(t, { inviteFile: path })
  await eventually('a file that nobody can use to go', async () => !(await exists(path)) || undefined)
  t.equal(again.membership.roster, undefined)
})

t.test('where the file is left', async t => {
  const path = join(t.testdir(), 'invite')
  const use = (join: (text: string) => Promise<void>, signal = new AbortController().signal) =>
    useInviteFile({ path, signal }, { join, log: silentLogger })
  await use(() => t.fail('there is none') as never)

  await writeFile(path, 'x'.repeat(5000))
  await use(() => t.fail('it is too long') as never)
  t.equal((await stat(path)).size, 5000)

  await writeFile(path, 'text')
  await use(async () => {
    throw fleetError('INVITE_INVALID', 'this is no invite')
  })
  t.ok(await exists(path), 'somebody may want to look at it')

  const stopped = new AbortController()
  let tries = 0
  await use(async () => {
    tries++
    // It would be tried again in seconds.
    setImmediate(() => stopped.abort())
    throw fleetError('INVITER_UNREACHABLE', 'it is off')
  }, stopped.signal)
  t.equal(tries, 1)
  t.ok(await exists(path), 'it is of use yet')
})
