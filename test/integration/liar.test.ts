import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { linksOf } from '../../core/content/walk.ts'
import type { NodeStatus } from '../../core/state/node-state.ts'
import { PROTOCOL } from '../../plugins/exchange/wire/codec.ts'
import { liar } from '../chaos/exchange/liar.ts'
import { createTestNode, fileOf, pattern } from '../helpers/content-node.ts'
import { QUIET } from '../helpers/quiet-node.ts'
import { SkepProcess } from '../helpers/skep-process.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { hashFile } from '../helpers/tree.ts'
import type { TestBlock } from '../unit/exchange/fixture.ts'
import { startNode } from '../unit/network/nodes.ts'

const MIB = 1024 * 1024

t.test('of two holders one lies: the content comes from the other, and the liar is named', async t => {
  const directory = await temporaryDirectory(t)
  const content = pattern(20 * MIB)
  const file = join(directory, 'file')
  await writeFile(file, content)
  const start = async (name: string): Promise<SkepProcess> => {
    const node = await SkepProcess.start(join(directory, name), QUIET)
    t.teardown(() => node.end())
    return node
  }
  const [honest, receiver] = await Promise.all([start('honest'), start('receiver')])
  const { cid } = await honest.json<{ cid: string }>(['add', file])
  const adversary = await startNode(t)
  await adversary.port.handle(PROTOCOL, liar(await blocksOf(content)))

  await receiver.json(['connect', String(adversary.port.addresses()[0])])
  await receiver.json(['connect', honest.ready.addresses[0] ?? ''])
  const output = join(directory, 'output')
  await receiver.json(['get', cid, '-o', output])
  t.equal(await hashFile(output), await hashFile(file))

  const name = adversary.port.self.toString()
  t.ok(
    receiver.log.some(line => JSON.parse(line).level >= 40 && line.includes(name)),
    'the log names the liar',
  )
  const { peers } = await receiver.json<NodeStatus>(['status'])
  const charged = peers.filter(({ evidence }) => (evidence['invalid-block'] ?? 0) > 0)
  t.same(
    charged.map(({ peer }) => peer),
    [name],
    'the peer table charges the liar alone',
  )
  const metrics = await (await fetch(`${receiver.ready.monitoring}/metrics`)).text()
  const counted = Number(/^skep_exchange_invalid_blocks_total (\d+)$/m.exec(metrics)?.[1])
  t.equal(counted, charged[0]?.evidence['invalid-block'], 'the metrics count the same lies')
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
