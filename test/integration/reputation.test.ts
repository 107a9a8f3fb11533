import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { linksOf } from '../../core/content/walk.ts'
import type { ReputationReport } from '../../core/services/reputation.ts'
import type { NodeStatus } from '../../core/state/node-state.ts'
import { PROTOCOL } from '../../plugins/exchange/wire/codec.ts'
import { liar } from '../chaos/exchange/liar.ts'
import { createTestNode, fileOf, pattern } from '../helpers/content-node.ts'
import { eventually } from '../helpers/eventually.ts'
import { QUIET } from '../helpers/quiet-node.ts'
import { SkepProcess } from '../helpers/skep-process.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { hashFile } from '../helpers/tree.ts'
import type { TestBlock } from '../unit/exchange/fixture.ts'
import { startNode } from '../unit/network/nodes.ts'

const MIB = 1024 * 1024

/** Who lied is asked again a second later: a ban has to come from its lies, not from distrust. */
const TRUSTING = [...QUIET, '--set', 'plugins.exchange.distrustMs=1s']

t.test('a corrupter is banned within three bad blocks; others deliver; kept out until pardoned', async t => {
  const directory = await temporaryDirectory(t)
  const contents = [1, 2, 3].map(seed => pattern(2 * MIB, seed))
  const files = contents.map((_, index) => join(directory, `file ${index}`))
  await Promise.all(files.map((file, index) => writeFile(file, contents[index] ?? '')))
  const start = async (name: string, options: readonly string[]): Promise<SkepProcess> => {
    const node = await SkepProcess.start(join(directory, name), options)
    t.teardown(() => node.end())
    return node
  }
  const [honest, receiver] = await Promise.all([start('honest', QUIET), start('receiver', TRUSTING)])
  const added = await Promise.all(files.map(file => honest.json<{ cid: string }>(['add', file])))
  const corrupter = await startNode(t)
  await corrupter.port.handle(PROTOCOL, liar((await Promise.all(contents.map(blocksOf))).flat()))
  const id = corrupter.port.self.toString()
  const address = String(corrupter.port.addresses()[0])
  const why = (node: SkepProcess) => node.json<ReputationReport>(['peers', 'why', id])

  await receiver.json(['connect', address])
  t.match(await why(receiver), { peer: id, score: 0.5, evidence: [], earlierBans: 0 })
  const outputs = files.map(file => `${file} fetched`)
  const fetched = Promise.all(
    added.map(({ cid }, index) => receiver.json(['get', cid, '-o', outputs[index] ?? ''])),
  )
  // What fails before tells more.
  fetched.catch(() => undefined)
  const report = await eventually('the ban', async () => {
    const now = await why(receiver)
    return now.ban && now
  })
  const [evidence] = report.evidence
  t.match(evidence, { kind: 'invalid-block', limited: 0, excused: 0 })
  t.ok(evidence && evidence.times <= 3, `after ${evidence?.times} bad blocks`)
  t.ok(report.score < 0.1)
  t.ok(report.ban && report.ban.endsInMs > 3_590_000)
  await eventually('the end of its connections', () =>
    corrupter.port.connectedPeers().length === 0 ? true : undefined,
  )
  await receiver.json(['connect', honest.ready.addresses[0] ?? ''])
  await fetched
  t.same(
    await Promise.all(outputs.map(hashFile)),
    await Promise.all(files.map(hashFile)),
    'the transfers complete from another',
  )

  t.match((await receiver.run(['peers', 'why', id.slice(-8)])).stdout, /^banned +\d+s ago, for 59m/m)
  const { details } = await receiver.json<NodeStatus>(['status'])
  t.match(details.reputation, { bannedPeers: 1, bans: [{ peer: id, kind: 'invalid-block' }] })
  const refused = await receiver.run(['connect', address])
  t.match(refused, { code: 1, stderr: /cannot reach/ }, 'it is not dialed')
  const { peerId, addresses } = receiver.ready
  await corrupter.port.dial(multiaddr(addresses[0])).catch(() => undefined)
  await t.rejects(corrupter.port.ping(peerIdFromString(peerId)), 'and is not let in')
  const metrics = await (await fetch(`${receiver.ready.monitoring}/metrics`)).text()
  t.match(metrics, /^skep_reputation_refused_connections_total\{direction="inbound"\} [1-9]/m)
  t.match(metrics, /^skep_reputation_bans_total\{kind="invalid-block"\} 1$/m)

  await receiver.end('SIGKILL')
  const again = await start('receiver', TRUSTING)
  t.match(await why(again), { ban: { kind: 'invalid-block' } }, 'a kill ends no ban')
  t.match(await again.json(['peers', 'pardon', id]), { peer: id, pardoned: true })
  t.match(await why(again), { score: 0.5, evidence: [], earlierBans: 0 })
  t.equal((await again.run(['connect', address])).code, 0)
  t.match((await again.run(['peers', 'why', id])).stdout, /nothing is known for or against it/)
  t.match((await again.run(['peers', 'pardon', id])).stdout, /^nothing was known of /)
})

t.test('a node without the plugin says so', async t => {
  const directory = await temporaryDirectory(t)
  const node = await SkepProcess.start(directory, [...QUIET, '--set', 'plugins.reputation.enabled=false'])
  t.teardown(() => node.end())
  for (const command of ['why', 'pardon']) {
    const outcome = await node.run(['peers', command, node.ready.peerId])
    t.match(outcome, { code: 1, stderr: /without the plugin reputation/ })
  }
})

/** Every block that an import of `content` makes. */
async function blocksOf(content: Uint8Array): Promise<TestBlock[]> {
  const node = createTestNode()
  const { cid } = await node.content.add(fileOf(content))
  const walk = [cid]
  const blocks: TestBlock[] = []
  for (const next of walk) {
    const bytes = await node.storage.blocks.get(next)
    blocks.push({ cid: next, bytes })
    walk.push(...linksOf(next, bytes).map(link => link.cid))
  }
  return blocks
}
