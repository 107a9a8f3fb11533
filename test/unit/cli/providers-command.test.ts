import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { eventually } from '../../helpers/eventually.ts'
import { QUIET } from '../../helpers/quiet-node.ts'
import { SkepProcess } from '../../helpers/skep-process.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

interface RoutingStatus {
  readonly provide: { readonly announced: number }
}

const FLEET = [...QUIET, '--set', 'plugins.routing.dht.network=fleet']

t.test('who has a block, and who told', async t => {
  const directory = await temporaryDirectory(t)
  const [one, two] = await Promise.all(
    ['one', 'two'].map(async name => {
      const node = await SkepProcess.start(join(directory, name), FLEET)
      t.teardown(() => node.end())
      return node
    }),
  )
  if (!one || !two) throw new Error('both nodes')
  const file = join(directory, 'file')
  await writeFile(file, 'honey')
  const { cid } = await one.json<{ cid: string }>(['add', file])
  t.equal((await two.run(['providers', cid])).stdout, 'nobody is known to have it\n')
  await two.run(['connect', one.ready.addresses[0] ?? ''])
  await eventually('the announcement', async () => {
    const { provide } = (await one.status()).details.routing as RoutingStatus
    return provide.announced > 0 ? true : undefined
  })
  t.match(await two.json(['providers', cid]), { peer: one.ready.peerId })
  const { stdout } = await two.run(['providers', cid])
  t.match(stdout, /^PEER +TOLD BY +ADDRESS\n/)
  t.match(stdout, new RegExp(`^${one.ready.peerId} +\\w+ +/ip4/127\\.0\\.0\\.1/tcp/\\d+`, 'm'))
  t.match((await two.run(['status'])).stdout, /dht +fleet: server, 1 peers, \d+ records\nannouncing +roots: /)
  t.match(await two.run(['providers', 'nonsense']), {
    code: 1,
    stderr: /'nonsense' is not a CID; expected one like bafybei… or Qm…\nfix: /,
  })
  t.match(await two.run(['providers', `${cid}/sub`]), {
    code: 1,
    stderr: new RegExp(
      `'${cid}/sub' is a path; expected the CID of one block, such as ${cid}\nfix: .*skep ls`,
    ),
  })
})

t.test('a node without the plugin says so', async t => {
  const directory = await temporaryDirectory(t)
  const node = await SkepProcess.start(directory, [...QUIET, '--set', 'plugins.routing.enabled=false'])
  t.teardown(() => node.end())
  t.match(await node.run(['providers', 'bafkqaaa']), { code: 1, stderr: /without the plugin routing/ })
})
