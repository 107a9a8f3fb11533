import { Discovery, definePlugin, Events, find, NodeState, use } from '../../core/api.ts'
import { type NatConfig, schema } from './config.ts'
import { createNatMetrics, type NatMetrics } from './metrics.ts'
import { Nat } from './nat.ts'

/** Lets others connect to a node behind a router: port mapping, relays, hole punching; and finds out whether they can. */
export default definePlugin<NatConfig, NatMetrics>({
  manifest: {
    name: 'nat',
    version: '0.1.0',
    requires: [Events, NodeState],
    wants: [Discovery],
    provides: [],
  },
  schema,
  metrics: createNatMetrics,
  register(container, { config, metrics, log, network, supervise }) {
    const state = use(container, NodeState)
    const nat = new Nat(config, {
      network,
      events: use(container, Events),
      metrics,
      log,
      isMember: peer => find(container, Discovery)?.isMember(peer) ?? false,
      nowMs: () => performance.now(),
      wallMs: Date.now,
      random: Math.random,
    })
    let undescribe = (): void => {}
    return {
      async start() {
        await nat.start()
        undescribe = state.describe('nat', () => nat.status)
        if (config.autonat.enabled) supervise('reachability', signal => nat.watch(signal))
        if (config.upnp.enabled) supervise('ports', signal => nat.mapPorts(signal))
      },
      async stop() {
        undescribe()
        await nat.stop()
      },
      health: () => nat.health(),
    }
  },
})
