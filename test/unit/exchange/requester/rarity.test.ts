import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import type { PlannedPeer, PlannedWant, Standing } from '../../../../plugins/exchange/requester/planner.ts'
import { byRarity, seedOf } from '../../../../plugins/exchange/requester/rarity.ts'
import { Session } from '../../../../plugins/exchange/requester/session.ts'
import { simulate } from './swarm-simulation.ts'

const SOURCE = 'source'
const host = { fetchAll: () => Promise.reject(new Error('not here')), close: () => undefined }

function peer(id: string): PlannedPeer {
  return { id, roomBytes: 1, roomWants: 1, outstandingBytes: 0, bytesPerMs: 1, latencyMs: 1 }
}

function digest(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE(0)
}

/** What looks like the end of a peer id. */
function idOf(text: string): string {
  return `12D3KooW${createHash('sha256').update(text).digest('base64url')}`
}

/** A session that has a source for everything and, by name, others that fetch the same. */
function sharedSession(others: readonly string[]): Session {
  const session = new Session(host)
  session.found(SOURCE)
  for (const other of others) {
    session.missed(other)
    session.found(other)
  }
  return session
}

interface Named extends PlannedWant {
  readonly name: number
}

function wantsOf(
  session: Session,
  count: number,
  changes: (name: number) => Partial<PlannedWant> = () => ({}),
): Named[] {
  return Array.from({ length: count }, (_, name) => ({
    name,
    bytes: 1,
    digest: digest(`block ${name}`),
    anyOrder: true,
    standings: new Map(),
    asks: new Map(),
    ordinal: session.nextOrdinal(),
    session,
    ...changes(name),
  }))
}

function namesOf(wants: Iterable<Named>): number[] {
  return [...wants].map(({ name }) => name)
}

t.test('what fewest have comes first', async t => {
  const others = ['a', 'b', 'c']
  const holders = [2, 0, 3, 1]
  const wants = wantsOf(sharedSession(others), 4, name => ({
    standings: new Map(others.slice(0, holders[name]).map((id): [string, Standing] => [id, 'has'])),
  }))
  t.same(namesOf(byRarity(wants, [SOURCE, ...others].map(peer), seedOf('self'))), [1, 3, 0, 2])
})

t.test('what comes in order stays in order, before all else', async t => {
  const wants = wantsOf(sharedSession(['a']), 20, name => ({ anyOrder: name % 2 === 1 }))
  const names = namesOf(byRarity(wants, [SOURCE, 'a'].map(peer), 1))
  t.same(names.slice(0, 10), [0, 2, 4, 6, 8, 10, 12, 14, 16, 18])
  t.notSame(names.slice(10), [1, 3, 5, 7, 9, 11, 13, 15, 17, 19])
})

t.test('while nobody lacks anything the order stays', async t => {
  const wants = wantsOf(sharedSession([]), 20)
  t.same(namesOf(byRarity(wants, [peer(SOURCE)], 1)), namesOf(wants))
})

t.test('nodes that fetch the same begin with different blocks, whoever else is around', async () => {
  const count = 120
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 8 }),
      fc.integer({ min: 0, max: 5 }),
      fc.string(),
      (nodes, more, salt) => {
        const ids = Array.from({ length: nodes }, (_, index) => idOf(`${salt} ${index}`))
        const bystanders = Array.from({ length: more }, (_, index) => idOf(`${salt} bystander ${index}`))
        const orders = ids.map(self => {
          const others = ids.filter(id => id !== self)
          const session = sharedSession(others)
          for (const id of bystanders) session.missed(id)
          const peers = [SOURCE, ...others, ...bystanders].map(peer)
          return namesOf(byRarity(wantsOf(session, count), peers, seedOf(self)))
        })
        const share = Math.floor(count / nodes / 3 / (1 + more / nodes))
        const first = orders.flatMap(order => order.slice(0, share))
        return new Set(first).size === first.length && orders.every(order => new Set(order).size === count)
      },
    ),
  )
})

t.test('a publisher sends each block little more than once', async t => {
  const blocks = 96
  const run = (fetchers: number, changes: Partial<Parameters<typeof simulate>[0]> = {}) =>
    simulate({
      fetchers: Array.from({ length: fetchers }, (_, index) => idOf(`fetcher ${index}`)),
      blocks,
      digest: block => digest(`block ${block}`),
      newsDelay: 2,
      anyOrder: true,
      ...changes,
    })
  for (const fetchers of [2, 4, 7]) {
    const { publisherSent, duration } = run(fetchers)
    t.ok(publisherSent <= 1.3 * blocks, `to ${fetchers}: ${publisherSent} blocks`)
    t.ok(duration <= 1.35 * blocks, `to ${fetchers}: in ${duration}`)
  }
  const bystanders = Array.from({ length: 10 }, (_, index) => idOf(`bystander ${index}`))
  const { publisherSent } = run(4, { bystanders })
  t.ok(publisherSent <= 1.4 * blocks, `beside others that fetch nothing: ${publisherSent} blocks`)
  t.equal(run(4, { anyOrder: false }).publisherSent, 4 * blocks, 'in order all ask for the same')
})
