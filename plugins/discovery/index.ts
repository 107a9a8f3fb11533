import {
  Discovery,
  definePlugin,
  Events,
  Fleet,
  find,
  NodeState,
  Peers,
  provide,
  use,
} from '../../core/api.ts'
import { type DiscoveryConfig, schema, validate } from './config.ts'
import { createDiscoveryMetrics, type DiscoveryMetrics } from './metrics.ts'
import { PeerFinder } from './peer-finder.ts'

/** Finds peers: neighbours by mDNS, the configured few, those of the last time, and those that other peers introduce. */
export default definePlugin<DiscoveryConfig, DiscoveryMetrics>({
  manifest: {
    name: 'discovery',
    version: '0.1.0',
    requires: [Events, Peers, NodeState],
    wants: [Fleet],
    provides: [Discovery],
  },
  schema,
  validate,
  metrics: createDiscoveryMetrics,
  register(container, { config, metrics, log, network, supervise }) {
    const state = use(container, NodeState)
    const fleet = find(container, Fleet)
    const finder = new PeerFinder(config, {
      network,
      peers: use(container, Peers),
      events: use(container, Events),
      ...(fleet && { fleet }),
      metrics,
      log,
      nowMs: () => performance.now(),
      clock: Date.now,
      random: Math.random,
    })
    let undescribe = (): void => {}
    let isOpen = false
    provide(container, Discovery, finder)
    return {
      async start() {
        isOpen = true
        await finder.open()
        undescribe = state.describe('discovery', () => finder.describe())
        if (config.mdns.enabled) supervise('mdns', signal => finder.findNeighbours(signal))
        supervise('dial', signal => finder.dial(signal))
        if (config.exchange.enabled) supervise('introduce', signal => finder.introduce(signal))
      },
      async stop() {
        undescribe()
        if (isOpen) finder.close()
        isOpen = false
      },
      health: () => finder.health(),
    }
  },
})
