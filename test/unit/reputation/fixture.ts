import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import type { NodeEvents, PeerId } from '../../../core/api.ts'
import { silentLogger } from '../../../core/logger.ts'
import { createMemoryStorage } from '../../../core/storage/memory.ts'
import type { Storage } from '../../../core/storage/storage.ts'
import { BanList } from '../../../plugins/reputation/ban-list.ts'
import type { ReputationConfig } from '../../../plugins/reputation/config.ts'
import { Judge } from '../../../plugins/reputation/judge.ts'
import { createReputationMetrics } from '../../../plugins/reputation/metrics.ts'
import { StandingShelf } from '../../../plugins/reputation/standing-shelf.ts'
import { Uptime } from '../../../plugins/reputation/uptime.ts'
import { startNode, type TestNode } from '../network/nodes.ts'

export const HOUR_MS = 3_600_000
const MIB = 1024 * 1024

/** As in the plugin. */
const REVIEW_PERIOD_MS = 5_000

interface Test {
  teardown(end: () => unknown): void
}

/** A judge in a real network, whose time passes as the test says. */
export interface Court extends TestNode {
  readonly judge: Judge
  readonly storage: Storage
  /** Events of bans so far. */
  readonly banned: NodeEvents['peer:banned'][]
  /** Lets time pass, with all the reviews in it. */
  pass(ms: number): void
  connect(peer: PeerId, address?: string): void
  deliver(peer: PeerId, bytes: number): void
  metric(name: string): Promise<number>
}

export async function createPeerIds(count: number): Promise<PeerId[]> {
  return Promise.all(
    Array.from({ length: count }, async () => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))),
  )
}

/** `storage`: what an earlier run left. */
export async function openCourt(
  t: Test,
  config: Partial<ReputationConfig> = {},
  storage: Storage = createMemoryStorage({ maxBytes: 64 * MIB }),
): Promise<Court> {
  let clockMs = 1_000_000
  const nowMs = (): number => clockMs
  const node = await startNode(t, { surroundings: { nowMs } })
  const judge = new Judge(
    { banMs: HOUR_MS, maxBanMs: 168 * HOUR_MS, ...config },
    {
      peers: node.peers,
      events: node.events,
      network: node.port,
      bans: new BanList({ maxBans: 100 }, { store: storage.index, log: silentLogger }),
      shelf: new StandingShelf({ store: storage.bookkeeping, log: silentLogger }),
      uptime: new Uptime(nowMs),
      metrics: createReputationMetrics(node.metrics.factory('reputation')),
      log: silentLogger,
    },
  )
  const banned: NodeEvents['peer:banned'][] = []
  node.events.on('peer:banned', event => void banned.push(event))
  judge.open()
  t.teardown(() => judge.close())
  return {
    ...node,
    judge,
    storage,
    banned,
    pass(ms) {
      const untilMs = clockMs + ms
      while (clockMs < untilMs) {
        clockMs = Math.min(untilMs, clockMs + REVIEW_PERIOD_MS)
        judge.review()
      }
    },
    connect: (peer, address = '/ip4/10.0.0.1/tcp/4001') =>
      node.peers.connected(peer, { direction: 'outbound', address }),
    deliver: (peer, bytes) => node.peers.countBytes(peer, 'received', bytes),
    async metric(name) {
      const lines = (await node.metrics.text()).split('\n')
      const values = lines.filter(line => line.startsWith(`skep_reputation_${name}`))
      return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
    },
  }
}
