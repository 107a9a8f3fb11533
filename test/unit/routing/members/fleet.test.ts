import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { cidOf } from '../../../../core/content/hashes.ts'
import { startFleet } from '../../../helpers/members-fleet.ts'
import { cidOfHash, connect, createMembersNode, hashOf, when } from '../../../helpers/members-node.ts'
import { openAt } from '../../storage/stores.ts'

const PEERS = 10
const BLOCKS = 100_000
const RAW = 0x55

t.test('ten members with 100,000 blocks each', async t => {
  const fleet = await startFleet(t, { peers: PEERS, blocks: BLOCKS })
  for (const { run } of fleet) {
    const { blocks, bytes, maxBytes, leftOut, members } = run.index.describe()
    t.equal(blocks, (PEERS - 1) * BLOCKS)
    t.ok(bytes / blocks <= 16 && bytes <= maxBytes, `${bytes / blocks} bytes a block`)
    t.same(leftOut, [])
    t.equal(members.filter(({ partial }) => partial).length, 0)
  }
  const [first, second] = fleet
  if (!first || !second) throw new Error('there are ten')

  // Synchronous: there is no time for a round trip.
  const at = (place: number, number: number): string[] =>
    first.run.index.providersOf(cidOfHash(hashOf(place * BLOCKS + number))).map(String)
  for (let place = 1; place < PEERS; place++)
    for (const number of [0, 77_777, BLOCKS - 1]) t.same(at(place, number), [fleet[place]?.node.id])
  t.same(at(0, 5), [], 'what the node itself holds is not asked here')

  let found = 0
  for (let number = 0; number < 100_000; number++) found += at(PEERS, number).length
  t.equal(found, 0, 'of 100,000 others none is found among 900,000')

  const fresh = hashOf(2 * PEERS * BLOCKS)
  const gone = hashOf(BLOCKS)
  const seen = fleet
    .filter(member => member !== second)
    .map(({ run: { index } }) =>
      when(
        index,
        () =>
          index.providersOf(cidOfHash(fresh)).length === 1 && index.providersOf(cidOfHash(gone)).length === 0,
      ),
    )
  second.store.put(fresh)
  second.store.delete(gone)
  await Promise.all(seen)
  t.pass('all have seen what came and what went')
  const told = await Promise.all(fleet.map(({ run }) => run.metric('snapshots_total{direction="heard"}')))
  t.same(told, Array(PEERS).fill(PEERS - 1), 'each told each all it has once')
})

t.test('ten members with stores on disk', async t => {
  const directory = t.testdir()
  const members = await Promise.all(
    Array.from({ length: PEERS }, async (_, place) => {
      const storage = await openAt(t, join(directory, String(place)))
      const node = await createMembersNode(t, { blocks: storage.blocks })
      const contents = Array.from({ length: 50 }, () => randomBytes(200))
      const blocks = contents.map(bytes => ({ cid: cidOf(RAW, bytes), bytes }))
      return { storage, node, run: await node.run(), blocks }
    }),
  )
  const put = ({ storage, blocks }: (typeof members)[0], from: number, to: number): Promise<unknown> =>
    Promise.all(blocks.slice(from, to).map(({ cid, bytes }) => storage.blocks.put(cid, bytes)))
  for (const member of members) await put(member, 0, 25)
  for (const [place, { node }] of members.entries())
    for (const { node: other } of members.slice(place + 1)) await connect(node, other)
  for (const member of members) await put(member, 25, 50)
  for (const { storage, blocks } of members)
    await storage.blocks.delete(blocks.slice(20, 30).map(({ cid }) => cid.multihash.bytes))

  const agree = ({ run: { index } }: (typeof members)[0]): boolean =>
    members.every(
      ({ node, storage, blocks, run }) =>
        run.index === index ||
        blocks.every(
          ({ cid }) => index.mayHave(node.port.self, cid.multihash.bytes) === storage.blocks.has(cid),
        ),
    )
  await Promise.all(members.map(member => when(member.run.index, () => agree(member))))
  for (const { run } of members) t.equal(run.index.describe().blocks, (PEERS - 1) * 40)
})
