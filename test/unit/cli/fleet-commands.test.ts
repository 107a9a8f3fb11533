import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { fleetRow } from '../../../core/cli/commands/fleet/status.ts'
import type { MadeInvite } from '../../../core/fleet/fleet.ts'
import { eventually } from '../../helpers/eventually.ts'
import { QUIET } from '../../helpers/quiet-node.ts'
import { SkepProcess, skep } from '../../helpers/skep-process.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

const README = fileURLToPath(new URL('../../../README.md', import.meta.url))

async function start(t: Test): Promise<SkepProcess> {
  const node = await SkepProcess.start(await temporaryDirectory(t), QUIET)
  t.teardown(() => node.end('SIGKILL'))
  return node
}

t.test('an invite that would never, or hardly ever, end is a usage error', async t => {
  for (const given of ['99999d', '500ms', '0s', 'soon']) {
    const { code, stderr } = await skep(['fleet', 'invite', '--expires', given])
    t.equal(code, 2, given)
    t.match(stderr, `option '--expires <duration>' argument '${given}' is invalid`)
    t.match(stderr, /from 1s to 30d.*\nfix: Run `skep fleet invite --help`/s)
  }
})

t.test('an unknown subcommand is one', async t => {
  t.match(await skep(['fleet', 'bogus']), {
    code: 2,
    stderr: "error: unknown command 'bogus'\nfix: Run `skep fleet --help` to see what it takes.\n",
  })
  t.match(await skep(['--data', 'fleet', 'bogus']), { code: 2, stderr: /fix: Run `skep --help`/ })
})

t.test('a fleet of one, from its making to its end', async t => {
  const node = await start(t)
  t.match(await node.run(['status']), { code: 0, stdout: /^fleet +none, open$/m })
  t.match(await node.run(['fleet', 'members']), { stdout: 'the node is in no fleet\n' })
  t.match(await node.run(['fleet', 'create', '0'.repeat(80)]), { code: 1, stderr: /80 bytes, .*at most 64/ })
  await node.json(['fleet', 'create', 'home'])
  t.match(await node.run(['status']), {
    stdout: /^fleet +home: operator, 0 of 0 other members connected, open$/m,
  })
  t.match(await node.run(['fleet', 'leave', '--delete-key']), { code: 0, stdout: 'left home\n' })
})

t.test('a removed board tells so once it has met a member, and comes back by a new invite', async t => {
  const [desk, kitchen] = await Promise.all([start(t), start(t)])
  await desk.json(['fleet', 'create', 'home', '--board', 'desk'])
  const join = async (): Promise<void> => {
    const { invite } = await desk.json<MadeInvite>(['fleet', 'invite'])
    await kitchen.json(['fleet', 'join', invite, '--name', 'kitchen'])
  }
  await join()
  await desk.json(['fleet', 'remove', 'kitchen'])
  const removed = /^removed from fleet 'home' by its owner or an operator/
  await eventually('word of it', async () => {
    await kitchen.run(['peers', 'connect', desk.ready.addresses[0] ?? ''])
    const { stdout } = await kitchen.run(['fleet', 'members'])
    return removed.test(stdout) || undefined
  })
  t.match(await kitchen.run(['status']), { stdout: /^fleet +removed from fleet 'home'/m })
  t.match(await kitchen.run(['fleet']), { stdout: /^fleet +removed from fleet 'home'/m })
  await join()
  t.match(await kitchen.run(['fleet', 'members']), { stdout: /kitchen +member +this board/ })
})

t.test('what is no key says so, and what a key is', async t => {
  const node = await start(t)
  const fix = 'fix: Give the whole text that `skep fleet backup-key` printed.'
  t.match(await node.run(['fleet', 'restore-key', README]), {
    code: 1,
    stderr: `error: ${README} has no owner key: it has more than 4096 bytes\n${fix}\n`,
  })
  t.match(await node.run(['fleet', 'restore-key', '-'], { input: '' }), {
    code: 1,
    stderr: `error: stdin has no owner key: it is empty\n${fix}\n`,
  })
  const missing = join(node.directory, 'missing')
  t.match(await node.run(['fleet', 'restore-key', missing]), {
    code: 1,
    stderr: `error: cannot read ${missing}: ENOENT: no such file or directory\n`,
  })
  t.match(await node.run(['add', missing]), {
    code: 1,
    stderr: `error: can't read ${missing}: ENOENT: no such file or directory\n`,
  })
  t.match(await node.run(['add', '/dev/null']), { code: 1, stderr: /fix: .*`cat DEVICE \| skep add -`/ })
})

t.test('the row of a board that was removed', async t => {
  const fleet = {
    name: 'home',
    id: 'x',
    term: 1,
    version: 3,
    role: 'removed',
    hasOwnerKey: false,
    members: 1,
    connectedMembers: 0,
    openInvites: 0,
  } as const
  const [, text] = fleetRow({ mode: 'open', fleet })
  t.match(text, /^removed from fleet 'home' by its owner or an operator/)
  t.equal(
    fleetRow({ mode: 'closed', fleet: { ...fleet, role: 'member', members: 3, connectedMembers: 1 } })[1],
    'home: member, 1 of 2 other members connected, closed',
  )
})
