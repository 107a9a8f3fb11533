import t from 'tap'
import type { Channel } from '../../../../core/api.ts'
import { packFingerprints } from '../../../../plugins/routing/members/fingerprint.ts'
import {
  decodeUpdate,
  encodeSubscribe,
  encodeUpdate,
  PROTOCOL,
  type StartMessage,
  type UpdateMessage,
} from '../../../../plugins/routing/members/wire/codec.ts'
import {
  cidOfHash,
  connect,
  createMembersNode,
  HashStore,
  hashOf,
  when,
} from '../../../helpers/members-node.ts'
import { nextEvent, startNode } from '../../network/nodes.ts'

const EPOCH = new Uint8Array(8).fill(7)
const START: StartMessage = { kind: 'start', epoch: EPOCH, sequence: 5, snapshot: true, blocks: 2 }
const ONE = packFingerprints([1])
const NONE = new Uint8Array()
const PART: UpdateMessage = { kind: 'part', added: ONE, complete: true }
const change = (sequence: number): UpdateMessage => ({ kind: 'change', sequence, added: ONE, removed: NONE })

const liars: Record<string, readonly (UpdateMessage | Uint8Array)[]> = {
  'who doesn’t begin': [PART],
  'who begins with a change': [change(1)],
  'who goes on from nowhere': [{ ...START, snapshot: false }],
  'who leaves changes out': [START, PART, change(6), change(8)],
  'who tells a change twice': [START, PART, change(6), change(6)],
  'who goes on with a snapshot that was whole': [START, PART, PART],
  'who tells of the fingerprint that is none': [START, { ...PART, added: packFingerprints([0]) }],
  'who tells of more blocks than was asked for': [
    START,
    { kind: 'part', added: packFingerprints(Array.from({ length: 11 }, (_, at) => at + 1)), complete: false },
  ],
  'who makes no sense': [Uint8Array.of(1, 2, 3)],
}

t.test('who breaks the protocol is charged, and what it told is forgotten', async t => {
  for (const [name, messages] of Object.entries(liars)) {
    const reader = await createMembersNode(t, { blocks: new HashStore() })
    const { index } = await reader.run({ maxBlocksPerPeer: 10 })
    const liar = await startNode(t, { trusts: () => true })
    await liar.port.handle(PROTOCOL, async channel => {
      await channel.read()
      for (const message of messages)
        await channel.write(message instanceof Uint8Array ? message : encodeUpdate(message))
      await channel.read()
    })
    const evidence = nextEvent(reader.events, 'peer:evidence')
    await connect(reader, liar)
    t.match(await evidence, { kind: 'protocol-violation' }, name)
    t.equal(index.describe().blocks, 0)
  }
})

t.test('what a member says of its number of blocks takes no memory beyond the bounds', async t => {
  const reader = await createMembersNode(t, { blocks: new HashStore() })
  const { index } = await reader.run({ maxBlocksPerPeer: 1000 })
  const liar = await startNode(t, { trusts: () => true })
  await liar.port.handle(PROTOCOL, async channel => {
    await channel.read()
    await channel.write(encodeUpdate({ ...START, blocks: 2 ** 32 - 1 }))
    await channel.write(encodeUpdate(PART))
    await channel.read()
  })
  let most = 0
  index.onUpdated(() => {
    most = Math.max(most, index.describe().bytes)
  })
  await connect(reader, liar)
  await when(index, () => index.describe().members[0]?.state === 'current')
  t.ok(most < 16_000, `${most} bytes`)
  t.ok(index.describe().bytes < 1024, 'and what is not used is given back')
})

t.test('a reader that says more than once what it wants is charged', async t => {
  const holder = await createMembersNode(t, { blocks: new HashStore() })
  await holder.run()
  const reader = await startNode(t, { trusts: () => true })
  for (const messages of [[encodeSubscribe({ maxBlocks: 1 }), encodeSubscribe({ maxBlocks: 1 })], [ONE]]) {
    const evidence = nextEvent(holder.events, 'peer:evidence')
    const channel = await open(reader, holder)
    for (const message of messages) await channel.write(message)
    t.match(await evidence, { kind: 'protocol-violation' })
  }
})

t.test('a reader gets no more blocks than it asked for', async t => {
  const store = new HashStore()
  for (let number = 0; number < 1000; number++) store.put(hashOf(number))
  const holder = await createMembersNode(t, { blocks: store })
  await holder.run()
  const channel = await open(await startNode(t, { trusts: () => true }), holder)
  await channel.write(encodeSubscribe({ maxBlocks: 300 }))
  let blocks = 0
  for (;;) {
    const message = await next(channel)
    if (message.kind !== 'part') continue
    blocks += message.added.length / 6
    if (message.complete) break
  }
  t.equal(blocks, 300)
})

t.test('a reader that takes nothing costs no memory: it is told all anew', async t => {
  const store = new HashStore()
  store.put(hashOf(0))
  const holder = await createMembersNode(t, { blocks: store })
  await holder.run()
  const channel = await open(await startNode(t, { trusts: () => true }), holder)
  await channel.write(encodeSubscribe({ maxBlocks: 1_000_000 }))
  t.match(await next(channel), { kind: 'start', snapshot: true, sequence: 0 })
  t.match(await next(channel), { kind: 'part', complete: true })
  // Far more than the log and all windows on the way have room for.
  const blocks = 600_000
  for (let number = 1; number <= blocks; number++) {
    store.put(hashOf(number % 3000))
    if (number % 5000 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  let changes = 0
  for (;;) {
    const message = await next(channel)
    if (message.kind === 'start') break
    changes += (message as { added: Uint8Array }).added.length / 6
  }
  t.ok(changes < blocks, `${changes} changes got through`)
  t.equal((await restOfSnapshot(channel)).size, 3000, 'and that is all there is')
})

t.test('a member that stalls holds up nobody, and goes on where it was', async t => {
  const blocks = 250_000
  const store = new HashStore()
  for (let number = 0; number < blocks; number++) store.put(hashOf(number))
  const holder = await createMembersNode(t, { blocks: store })
  await holder.run()
  const [stalled, other] = await Promise.all([startNode(t, { trusts: () => true }), startNode(t)])
  const channels = await Promise.all([open(stalled, holder), open(other, holder)])
  for (const channel of channels) await channel.write(encodeSubscribe({ maxBlocks: blocks }))
  const begun = { kind: 'start', snapshot: true }
  for (const channel of channels) t.match(await next(channel), begun)
  const [late, swift] = channels
  if (!late || !swift) throw new Error('two channels')
  t.equal((await restOfSnapshot(swift)).size, blocks)
  const third = await open(await startNode(t, { trusts: () => true }), holder)
  await third.write(encodeSubscribe({ maxBlocks: 1000 }))
  t.match(await next(third), begun)
  t.equal((await restOfSnapshot(third)).size, 1000, 'who comes later waits for nobody either')
  t.equal((await restOfSnapshot(late)).size, blocks)
})

t.test('a block that comes and goes is told of once a second', async t => {
  const store = new HashStore()
  const holder = await createMembersNode(t, { blocks: store })
  const reader = await createMembersNode(t, { blocks: new HashStore() })
  await holder.run()
  const run = await reader.run()
  await connect(reader, holder)
  await when(run.index, () => run.index.describe().members[0]?.state === 'current')
  for (let round = 0; round < 10_000; round++) {
    store.put(hashOf(1))
    store.delete(hashOf(1))
  }
  store.put(hashOf(1))
  await when(run.index, () => run.index.providersOf(cidOfHash(hashOf(1))).length === 1)
  t.equal(await run.metric('changes_total{direction="heard"}'), 1)
})

function open(reader: Awaited<ReturnType<typeof startNode>>, holder: typeof reader): Promise<Channel> {
  return reader.port.dial(holder.port.addresses()).then(() => reader.port.open(holder.port.self, PROTOCOL))
}

async function next(channel: Channel): Promise<UpdateMessage> {
  const message = await channel.read()
  if (!message) throw new Error('the stream ended')
  return decodeUpdate(message)
}

/** The fingerprints that are told up to the part that says so. Throws where it begins anew. */
async function restOfSnapshot(channel: Channel): Promise<ReadonlySet<string>> {
  const held = new Set<string>()
  for (;;) {
    const message = await next(channel)
    if (message.kind === 'start') throw new Error('it begins anew')
    if (message.kind !== 'part') continue
    for (let at = 0; at < message.added.length; at += 6)
      held.add(Buffer.from(message.added.subarray(at, at + 6)).toString('hex'))
    if (message.complete) return held
  }
}
