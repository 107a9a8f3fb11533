import {
  Blocks,
  definePlugin,
  Events,
  Exchange,
  HEALTHY,
  MemoryBudget,
  NodeState,
  Peers,
  provide,
  Storage,
  use,
} from '../../core/api.ts'
import { type ExchangeConfig, exchangeSchema } from './config.ts'
import { type ExchangeMetrics, exchangeMetrics } from './metrics.ts'
import { blocksLinks } from './requester/blocks-link.ts'
import { Requester } from './requester/requester.ts'
import { Server } from './server/server.ts'
import { Tally } from './tally.ts'
import { PROTOCOL } from './wire/codec.ts'

/** The server holds at most this share of the memory budget, so that fetches of the node itself get theirs. */
const MAX_BUDGET_SHARE = 4

/** Blocks from and for other peers, over `/skep/blocks/1.0.0`. */
export default definePlugin<ExchangeConfig, ExchangeMetrics>({
  manifest: {
    name: 'exchange',
    version: '0.1.0',
    requires: [Storage, Blocks, Peers, MemoryBudget, Events, NodeState],
    wants: [],
    provides: [Exchange],
  },
  schema: exchangeSchema,
  metrics: exchangeMetrics,
  register(container, { config, metrics, log, network, signal }) {
    const { blocks } = use(container, Storage)
    const fetches = use(container, Blocks)
    const peers = use(container, Peers)
    const budget = use(container, MemoryBudget)
    const events = use(container, Events)
    const state = use(container, NodeState)
    const tally = new Tally(metrics)
    const now = (): number => performance.now()
    const requester = new Requester(config, {
      links: [blocksLinks(network)],
      peers,
      tally,
      log,
      now,
    })
    const maxReadAheadBytes = Math.min(config.maxReadAheadBytes, budget.limitBytes / MAX_BUDGET_SHARE)
    const server = new Server({ maxReadAheadBytes }, { blocks, peers, tally, log })
    provide(container, Exchange, requester)
    metrics.gauges.source = {
      wantsOutstanding: () => requester.wantsOutstanding,
      bytesInFlight: () => requester.bytesInFlight,
      readAheadBytes: () => server.readAheadBytes,
      queuedWants: () => server.queuedWants,
    }
    const undo: (() => void)[] = []
    return {
      async start() {
        // Held for good: leased block by block, two nodes that fetch from each other could each hold what the other's server waits for.
        const lease = await budget.lease(maxReadAheadBytes, { signal })
        undo.push(
          () => lease.release(),
          server.watch(),
          events.on('peer:connected', ({ peer }) => requester.connected(peer)),
          events.on('peer:disconnected', ({ peer }) => requester.disconnected(peer)),
          state.describe('exchange', () => ({
            ...tally.counts,
            wantsOutstanding: requester.wantsOutstanding,
            bytesInFlight: requester.bytesInFlight,
            distrustedPeers: requester.distrustedPeers,
            requesters: server.requesters,
            queuedWants: server.queuedWants,
          })),
        )
        for (const peer of network.connectedPeers()) requester.connected(peer)
        await network.handle(PROTOCOL, channel => server.serve(channel))
        undo.push(fetches.attachExchange(requester))
      },
      async stop() {
        for (const step of undo.splice(0).reverse()) step()
        await requester.stop()
      },
      health() {
        const reason = server.storageFailure
        return reason ? { status: 'degraded', reason: `held blocks can't be read: ${reason}` } : HEALTHY
      },
    }
  },
})
