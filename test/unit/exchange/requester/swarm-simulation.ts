import {
  type Ask,
  assign,
  type PlannedPeer,
  type PlannedWant,
  type Standing,
} from '../../../../plugins/exchange/requester/planner.ts'
import { byRarity, seedOf } from '../../../../plugins/exchange/requester/rarity.ts'
import { Session } from '../../../../plugins/exchange/requester/session.ts'
import { Turns } from '../../../../plugins/exchange/server/turns.ts'

const BLOCK_BYTES = 1024 * 1024
const WINDOW_BLOCKS = 2

export interface Swarm {
  /** Names of those who fetch. */
  readonly fetchers: readonly string[]
  /** Connected to all, and fetching nothing. */
  readonly bystanders?: readonly string[]
  readonly blocks: number
  /** Hash bits of a block. */
  digest(block: number): number
  /** How long the news that a block is held takes, in the time that one block needs to leave a node. */
  readonly newsDelay: number
  /** False for what comes in order. */
  readonly anyOrder: boolean
}

export interface Outcome {
  /** In the time that one block needs to leave a node: `blocks` is the least there is. */
  readonly duration: number
  readonly publisherSent: number
}

interface Fetcher {
  readonly name: string
  readonly session: Session
  readonly wants: Map<number, SimulatedWant>
  readonly owed: Map<string, number>
}

interface SimulatedWant extends PlannedWant {
  readonly block: number
  readonly standings: Map<string, Standing>
  readonly asks: Map<string, Ask>
}

interface Request {
  readonly bytes: number
  readonly block: number
  readonly by: Fetcher
}

const PUBLISHER = 'publisher'
const host = { fetchAll: () => Promise.reject(new Error('not here')), close: () => undefined }

/** One publisher, and all others fetch at once: policies alone, in a time of their own. Each node sends one block at a time. */
export function simulate({ fetchers, bystanders = [], blocks, digest, newsDelay, anyOrder }: Swarm): Outcome {
  const events: { at: number; run: () => void }[] = []
  const later = (at: number, run: () => void): void => void events.push({ at, run })
  let now = 0
  let publisherSent = 0
  const queues = new Map([PUBLISHER, ...fetchers].map(name => [name, new Turns<Request>()]))
  const sending = new Set<string>()
  const nodes = fetchers.map((name): Fetcher => {
    const session = new Session(host)
    session.found(PUBLISHER)
    // All have asked each other for the root, in vain at first.
    for (const other of fetchers) {
      if (other === name) continue
      session.missed(other)
      session.found(other)
    }
    for (const other of bystanders) session.missed(other)
    return { name, session, wants: new Map(), owed: new Map() }
  })

  const send = (from: string): void => {
    const request = sending.has(from) ? undefined : queues.get(from)?.next(() => true)
    if (!request) return
    sending.add(from)
    later(now + 1, () => {
      sending.delete(from)
      if (from === PUBLISHER) publisherSent++
      receive(request, from)
      send(from)
    })
  }

  const receive = ({ block, by }: Request, from: string): void => {
    by.wants.delete(block)
    by.session.found(from)
    by.owed.set(from, (by.owed.get(from) ?? 0) - 1)
    for (const other of nodes) {
      if (other === by) continue
      later(now + newsDelay, () => {
        other.wants.get(block)?.standings.set(by.name, 'has')
        plan(other)
      })
    }
    plan(by)
  }

  const plan = (node: Fetcher): void => {
    const peers = [PUBLISHER, ...fetchers, ...bystanders].filter(name => name !== node.name)
    const links = peers.map((id): PlannedPeer => {
      const outstandingBytes = (node.owed.get(id) ?? 0) * BLOCK_BYTES
      const roomBytes = WINDOW_BLOCKS * BLOCK_BYTES - outstandingBytes
      return { id, roomBytes, roomWants: 4096, outstandingBytes, bytesPerMs: 1_000, latencyMs: 1 }
    })
    const open = [...node.wants.values()].filter(({ asks }) => asks.size === 0)
    for (const { want, peer, mode } of assign(
      byRarity(open, links, seedOf(node.name)),
      links,
      Number.POSITIVE_INFINITY,
    )) {
      if (mode === 'HAVE') {
        want.standings.set(peer, 'missing')
        continue
      }
      want.asks.set(peer, { sinceMs: 0, dueMs: 1 })
      node.owed.set(peer, (node.owed.get(peer) ?? 0) + 1)
      queues.get(peer)?.add(node.name, { bytes: BLOCK_BYTES, block: want.block, by: node })
      send(peer)
    }
  }

  for (const node of nodes) {
    for (let block = 0; block < blocks; block++) {
      node.wants.set(block, {
        block,
        bytes: BLOCK_BYTES,
        digest: digest(block),
        anyOrder,
        standings: new Map(),
        asks: new Map(),
        ordinal: node.session.nextOrdinal(),
        session: node.session,
      })
    }
  }
  for (const node of nodes) plan(node)
  while (events.length > 0) {
    events.sort((a, b) => b.at - a.at)
    const event = events.pop()
    now = event?.at ?? now
    event?.run()
  }
  if (nodes.some(({ wants }) => wants.size > 0)) throw new Error('not all that was wanted arrived')
  return { duration: now, publisherSent }
}
