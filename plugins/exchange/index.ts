import { networkInterfaces } from 'node:os'
import {
  Blocks,
  definePlugin,
  Events,
  Exchange,
  find,
  HEALTHY,
  MemoryBudget,
  NodeState,
  Peers,
  provide,
  Reputation,
  Routing,
  Storage,
  use,
} from '../../core/api.ts'
import { Bandwidth } from './bandwidth/bandwidth.ts'
import { createVolumeStore } from './bandwidth/volume-store.ts'
import { Bitswap } from './bitswap/bitswap.ts'
import { type ExchangeConfig, exchangeSchema } from './config.ts'
import { type ExchangeMetrics, exchangeMetrics } from './metrics.ts'
import { blocksLinks } from './requester/blocks-link.ts'
import { handicapped } from './requester/handicap.ts'
import { ProviderSearch } from './requester/provider-search.ts'
import { Requester } from './requester/requester.ts'
import { Server } from './server/server.ts'
import { Tally } from './tally.ts'
import { PROTOCOL } from './wire/codec.ts'

/** The server holds at most this share of the memory budget, so that fetches of the node itself get theirs. */
const MAX_BUDGET_SHARE = 4

/** How often the month's volume is kept: what a power cut may cost of it. */
const KEEP_VOLUME_MS = 60_000

/** Blocks from and for other peers, over `/skep/blocks/1.0.0` and Bitswap. */
export default definePlugin<ExchangeConfig, ExchangeMetrics>({
  manifest: {
    name: 'exchange',
    version: '0.1.0',
    requires: [Storage, Blocks, Peers, MemoryBudget, Events, NodeState],
    wants: [Reputation, Routing],
    provides: [Exchange],
  },
  schema: exchangeSchema,
  metrics: exchangeMetrics,
  register(container, { config, metrics, log, network, signal }) {
    const { blocks, index } = use(container, Storage)
    const fetches = use(container, Blocks)
    const peers = use(container, Peers)
    const budget = use(container, MemoryBudget)
    const events = use(container, Events)
    const state = use(container, NodeState)
    const tally = new Tally(metrics)
    const now = (): number => performance.now()
    const bandwidth = new Bandwidth(config.bandwidth, {
      network,
      store: createVolumeStore(index),
      log,
      now,
      time: Date.now,
      wake(delayMs, callback) {
        const timer = setTimeout(callback, delayMs).unref()
        return () => clearTimeout(timer)
      },
      interfaces: networkInterfaces,
      counted: (direction, bytes) => tally.metered(direction, bytes),
    })
    const maxReadAheadBytes = Math.min(config.maxReadAheadBytes, budget.limitBytes / MAX_BUDGET_SHARE)
    const server = new Server({ maxReadAheadBytes }, { blocks, peers, bandwidth, tally, log, now })
    const bitswap = config.bitswap.enabled
      ? new Bitswap({
          network: bandwidth.network,
          connections: peer => network.connections(peer),
          server,
          bandwidth,
          memory: budget,
          peers,
          tally,
        })
      : undefined
    let reputation: Reputation | undefined
    const kinds = [blocksLinks(bandwidth.network), ...(bitswap ? [bitswap.linkKind] : [])]
    const search = new ProviderSearch({ routing: () => find(container, Routing), network, log, now })
    const requester = new Requester(config, {
      links: kinds.map(kind => handicapped(kind, () => reputation)),
      self: network.self,
      peers,
      bandwidth,
      tally,
      search,
      log,
      now,
    })
    provide(container, Exchange, requester)
    metrics.gauges.source = {
      wantsOutstanding: () => requester.wantsOutstanding,
      bytesInFlight: () => requester.bytesInFlight,
      readAheadBytes: () => server.readAheadBytes,
      queuedWants: () => server.queuedWants,
      monthBytes: () => bandwidth.monthBytes,
      monthlyBudgetBytes: () => config.bandwidth.monthlyBytes ?? 0,
      uploadCapBytes: () => bandwidth.status().uploadBytesPerSecond ?? 0,
      downloadCapBytes: () => bandwidth.status().downloadBytesPerSecond ?? 0,
    }
    const keepVolume = async (): Promise<void> => {
      try {
        await bandwidth.tick()
      } catch (err) {
        log.error({ err }, "the month's volume could not be kept")
      }
    }
    const undo: (() => void)[] = []
    return {
      async start() {
        reputation = find(container, Reputation)
        // Held for good: leased block by block, two nodes that fetch from each other could each hold what the other's server waits for.
        const lease = await budget.lease(maxReadAheadBytes, { signal })
        bandwidth.load()
        const keeping = setInterval(keepVolume, KEEP_VOLUME_MS).unref()
        undo.push(
          () => clearInterval(keeping),
          () => lease.release(),
          server.watch(),
          events.on('peer:connected', ({ peer }) => requester.connected(peer)),
          events.on('peer:disconnected', ({ peer }) => {
            requester.disconnected(peer)
            bitswap?.disconnected(peer)
          }),
          state.describe('exchange', () => ({
            ...tally.counts,
            wantsOutstanding: requester.wantsOutstanding,
            bytesInFlight: requester.bytesInFlight,
            distrustedPeers: requester.distrustedPeers,
            requesters: server.requesters,
            queuedWants: server.queuedWants,
            bandwidth: bandwidth.status(),
            bitswap: bitswap ? { askedPeers: bitswap.links, servedPeers: bitswap.requesters } : null,
          })),
        )
        for (const peer of network.connectedPeers()) requester.connected(peer)
        await bandwidth.network.handle(PROTOCOL, channel => server.serve(channel))
        await bitswap?.start({ signal })
        undo.push(fetches.attachExchange(requester))
      },
      async stop() {
        for (const step of undo.splice(0).reverse()) step()
        search.stop()
        await requester.stop()
        bitswap?.stop()
        await bandwidth.stop()
      },
      health() {
        const reason = server.storageFailure
        if (reason) return { status: 'degraded', reason: `held blocks can't be read: ${reason}` }
        return bandwidth.health() ?? HEALTHY
      },
    }
  },
})
