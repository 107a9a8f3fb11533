import { randomBytes } from 'node:crypto'
import { CID } from 'multiformats/cid'
import t, { type Test } from 'tap'
import { cidOf } from '../../../../core/content/hashes.ts'
import { createMemoryStorage } from '../../../../core/storage/memory.ts'
import type { MembersConfig } from '../../../../plugins/routing/members/config.ts'
import { eventually } from '../../../helpers/eventually.ts'
import {
  cidOfHash,
  connect,
  createMembersNode,
  HashStore,
  hashOf,
  type MembersNode,
  part,
  type Run,
  when,
} from '../../../helpers/members-node.ts'
import { nextEvent } from '../../network/nodes.ts'
import { openAt } from '../../storage/stores.ts'

const RAW = 0x55
const DAG_PB = 0x70
const MIB = 1024 * 1024

const snapshots = ({ metric }: Run): Promise<number> => metric('snapshots_total{direction="heard"}')

/** `of` is `reader`'s view of `holder`. */
function sees({ index }: Run, holder: MembersNode, hash: Uint8Array): boolean {
  return index.providersOf(cidOfHash(hash)).some(peer => peer.equals(holder.port.self))
}

function stateOf({ index }: Run, holder: MembersNode): string | undefined {
  return index.describe().members.find(({ peer }) => peer === holder.id)?.state
}

/** A reader that has just been told all that is in `store`. */
async function createInformed(t: Test, store: HashStore, config: Partial<MembersConfig> = {}) {
  const holder = await createMembersNode(t, { blocks: store })
  const reader = await createMembersNode(t, { blocks: new HashStore() })
  await holder.run()
  const run = await reader.run(config)
  await connect(reader, holder)
  await when(run.index, () => stateOf(run, holder) === 'current')
  return { holder, reader, run }
}

t.test('members know what each other holds, from a store on disk, until it is gone', async t => {
  const storage = await openAt(t, t.testdir())
  const blocks = [10, 100, 40_000].map(size => {
    const bytes = randomBytes(size)
    return { cid: cidOf(RAW, bytes), bytes }
  })
  const [early, late, bad] = blocks as [(typeof blocks)[0], (typeof blocks)[0], (typeof blocks)[0]]
  await storage.blocks.put(early.cid, early.bytes)
  const holder = await createMembersNode(t, { blocks: storage.blocks })
  const reader = await createMembersNode(t, { blocks: createMemoryStorage({ maxBytes: MIB }).blocks })
  await holder.run()
  const { index } = await reader.run()
  const has = ({ cid }: { cid: CID }): boolean =>
    index.providersOf(cid).some(peer => peer.equals(holder.port.self))
  t.equal(index.mayHave(holder.port.self, early.cid.multihash.bytes), undefined, 'nothing is known yet')
  await connect(reader, holder)
  await when(index, () => has(early))
  t.same(
    index.providersOf(CID.createV1(DAG_PB, early.cid.multihash)).map(String),
    [holder.id],
    'by any codec',
  )
  await when(index, () => index.describe().members[0]?.state === 'current')
  t.equal(index.mayHave(holder.port.self, early.cid.multihash.bytes), true)
  t.equal(index.mayHave(holder.port.self, late.cid.multihash.bytes), false)
  t.notOk(has(late))

  const seen = when(index, () => has(late) && has(bad))
  await Promise.all([late, bad].map(({ cid, bytes }) => storage.blocks.put(cid, bytes)))
  await seen
  const evicted = when(index, () => !has(early))
  await storage.blocks.delete([early.cid.multihash.bytes])
  await evicted
  t.ok(has(late))
  const damaged = when(index, () => !has(bad))
  storage.blocks.attachCheck(() => false)
  await t.rejects(storage.blocks.get(bad.cid), { code: 'BLOCK_CORRUPT' })
  await damaged
  t.ok(has(late), 'a damaged block is no longer held, others are')
})

t.test('who comes back tells only what it missed', async t => {
  const store = new HashStore()
  for (let number = 0; number < 1000; number++) store.put(hashOf(number))
  const { holder, reader, run } = await createInformed(t, store)
  t.equal(await snapshots(run), 1)

  await part(reader, holder)
  t.equal(stateOf(run, holder), 'kept')
  t.ok(sees(run, holder, hashOf(7)), 'it may be asked nevertheless')
  t.equal(run.index.mayHave(holder.port.self, hashOf(5000)), undefined, 'what it holds by now is not known')
  store.put(hashOf(5000))
  store.delete(hashOf(7))
  await connect(holder, reader)
  await when(run.index, () => sees(run, holder, hashOf(5000)))
  t.notOk(sees(run, holder, hashOf(7)))
  t.ok(sees(run, holder, hashOf(8)))
  t.equal(stateOf(run, holder), 'current')
  t.equal(await snapshots(run), 1, 'no snapshot was needed')
})

t.test('after a restart, and after too many changes, all is told anew', async t => {
  const store = new HashStore()
  store.put(hashOf(1))
  store.put(hashOf(2))
  const { holder, reader, run } = await createInformed(t, store)
  const before = await snapshots(run)
  await part(reader, holder)
  await holder.run()
  store.delete(hashOf(1))
  await connect(reader, holder)
  await when(run.index, () => stateOf(run, holder) === 'current' && !sees(run, holder, hashOf(1)))
  t.ok(sees(run, holder, hashOf(2)))
  t.equal(await snapshots(run), before + 1)

  await part(reader, holder)
  for (let number = 100; number < 100_100; number++) store.put(hashOf(number))
  await connect(reader, holder)
  await when(run.index, () => run.index.describe().blocks === 100_001 && stateOf(run, holder) === 'current')
  t.equal(await snapshots(run), before + 2)
  t.ok(sees(run, holder, hashOf(100_099)))
})

t.test('a stranger is told nothing, and asked nothing', async t => {
  const store = new HashStore()
  store.put(hashOf(1))
  const members = new Set<string>()
  const holder = await createMembersNode(t, { blocks: store, isMember: peer => members.has(peer.toString()) })
  const reader = await createMembersNode(t, { blocks: store })
  const friend = await createMembersNode(t, { blocks: new HashStore() })
  const holding = await holder.run()
  const run = await reader.run()
  await connect(reader, holder)
  await eventually('the refusal', async () =>
    /refused_streams_total\{protocol="\/skep\/index\/1.0.0",reason="trust"\} 1/.exec(
      await holder.metrics.text(),
    ),
  )
  t.equal(run.index.describe().blocks, 0)
  t.same(holding.index.describe(), { ...run.index.describe(), members: [], readers: 0 })
  t.same(holder.peers.get(reader.port.self)?.evidence, {}, 'which is no fault')

  members.add(reader.id).add(friend.id)
  await friend.run()
  await connect(friend, holder)
  await when(run.index, () => sees(run, holder, hashOf(1)))

  members.delete(reader.id)
  const other = await createMembersNode(t, { blocks: new HashStore() })
  await connect(other, holder)
  await nextTurnOf(async () => holding.index.describe().members.length, 1)
  await nextTurnOf(async () => Number(stateOf(run, holder) === 'kept'), 1)
  t.same(
    holding.index.describe().members.map(({ peer }) => peer),
    [friend.id],
    'who is a member no longer is forgotten, and told no more',
  )
})

/** Asks at each turn of the event loop: what happens comes over a socket. */
async function nextTurnOf(read: () => Promise<number>, expected: number): Promise<void> {
  while ((await read()) !== expected) await new Promise(resolve => setImmediate(resolve))
}

t.test('who has too many blocks is known in part', async t => {
  const store = new HashStore()
  for (let number = 0; number < 25; number++) store.put(hashOf(number))
  const { holder, run } = await createInformed(t, store, { maxBlocksPerPeer: 10 })
  const [member] = run.index.describe().members
  t.match(member, { blocks: 10, partial: true })
  const known = Array.from({ length: 25 }, (_, number) => run.index.mayHave(holder.port.self, hashOf(number)))
  t.equal(known.filter(answer => answer === true).length, 10)
  t.equal(known.filter(answer => answer === undefined).length, 15, 'of others nothing can be said')
})

t.test('where there is too little room, members are left out, and come back', async t => {
  const stores = [new HashStore(), new HashStore()] as const
  for (let number = 0; number < 6000; number++) for (const store of stores) store.put(hashOf(number))
  const one = await createMembersNode(t, { blocks: stores[0] })
  const two = await createMembersNode(t, { blocks: stores[1] })
  const reader = await createMembersNode(t, { blocks: new HashStore() })
  for (const node of [one, two]) await node.run()
  const run = await reader.run({ maxBytes: 64 * 1024, keepMs: 0 })
  await connect(reader, one)
  await when(run.index, () => stateOf(run, one) === 'current')
  await connect(reader, two)
  await nextTurnOf(async () => run.index.describe().leftOut.length, 1)
  t.same(run.index.describe().leftOut, [two.id])
  t.equal(await run.metric('left_out'), 1)
  t.ok(run.index.describe().bytes <= 64 * 1024)
  t.same(run.index.providersOf(cidOfHash(hashOf(3))).map(String), [one.id])

  await part(reader, one)
  // Anything that happens to connections has it look again.
  const other = await createMembersNode(t, { blocks: new HashStore() })
  await other.run()
  await connect(other, reader)
  await when(run.index, () => stateOf(run, two) === 'current')
  t.same(run.index.providersOf(cidOfHash(hashOf(3))).map(String), [two.id])
  t.same(run.index.describe().leftOut, [])

  const full = when(run.index, () => run.index.describe().leftOut.length === 1)
  for (let number = 6000; number < 9000; number++) stores[1].put(hashOf(number))
  await Promise.race([full, nextTurnOf(async () => run.index.describe().leftOut.length, 1)])
  t.same(run.index.describe().leftOut, [two.id], 'one that grows beyond all bounds goes, too')
  t.ok(run.index.describe().bytes <= 64 * 1024)
})

t.test('a connection to a member is worth more than another, while it tells or is told', async t => {
  const holder = await createMembersNode(t, { blocks: new HashStore() })
  const reader = await createMembersNode(t, { blocks: new HashStore(), isMember: () => true })
  await holder.run()
  const run = await reader.run()
  const worth = (node: MembersNode, of: MembersNode): unknown =>
    node.network.worthOf(of.port.self)['members/index']
  await connect(reader, holder)
  await when(run.index, () => stateOf(run, holder) === 'current')
  t.equal(worth(reader, holder), 30)
  t.equal(worth(holder, reader), 30)
  await part(reader, holder)
  await nextTurnOf(async () => Number(worth(holder, reader) ?? 0) + Number(worth(reader, holder) ?? 0), 0)
})

t.test('what the store cannot tell now is told later', async t => {
  class FlakyStore extends HashStore {
    /** Called instead of reading. */
    fails: (() => void) | undefined
    override list(options: Parameters<HashStore['list']>[0]): ReturnType<HashStore['list']> {
      this.#check()
      return super.list(options)
    }
    override has(cid: CID): boolean {
      this.#check()
      return super.has(cid)
    }
    #check(): void {
      if (!this.fails) return
      this.fails()
      throw new Error('the disk is slow to wake')
    }
    /** Resolves when it was asked for something in vain; works from then on. */
    async failed(): Promise<void> {
      await new Promise<void>(resolve => {
        this.fails = resolve
      })
      this.fails = undefined
    }
  }
  const store = new FlakyStore()
  store.put(hashOf(1))
  const holder = await createMembersNode(t, { blocks: store })
  const reader = await createMembersNode(t, { blocks: new HashStore() })
  await holder.run()
  const run = await reader.run()
  const noSnapshot = store.failed()
  await connect(reader, holder)
  await noSnapshot
  await when(run.index, () => stateOf(run, holder) === 'current')
  t.ok(sees(run, holder, hashOf(1)), 'a snapshot, when it is asked for again')

  const noChange = store.failed()
  store.put(hashOf(2))
  await noChange
  store.put(hashOf(3))
  await when(run.index, () => sees(run, holder, hashOf(3)))
  t.ok(sees(run, holder, hashOf(2)), 'a change, with the next')
})

t.test('stops while streams are open, and says nothing afterwards', async t => {
  const store = new HashStore()
  store.put(hashOf(1))
  const holder = await createMembersNode(t, { blocks: store })
  const reader = await createMembersNode(t, { blocks: new HashStore() })
  await holder.run()
  const run = await reader.run()
  await connect(reader, holder)
  await when(run.index, () => sees(run, holder, hashOf(1)))
  const left = nextEvent(holder.events, 'peer:disconnected')
  await reader.stopRun()
  await run.index.stop()
  t.same(run.index.providersOf(cidOfHash(hashOf(1))), [])
  await part(reader, holder)
  await left
  await holder.stopRun()
  store.put(hashOf(2))
})
