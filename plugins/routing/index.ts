import { randomFillSync } from 'node:crypto'
import {
  Control,
  Discovery,
  definePlugin,
  Events,
  Fleet,
  find,
  NodeState,
  Peers,
  Pins,
  provide,
  Reputation,
  Routing,
  Storage,
  systemClock,
  use,
} from '../../core/api.ts'
import { type RoutingConfig, schema, validate } from './config.ts'
import { createMembersMetrics } from './members/metrics.ts'
import { createRoutingMetrics } from './metrics.ts'
import { createRoutes } from './routes.ts'
import { RoutingNode } from './routing-node.ts'

type Metrics = ReturnType<typeof createMetrics>

const createMetrics = (create: Parameters<typeof createRoutingMetrics>[0]) => ({
  routing: createRoutingMetrics(create),
  members: createMembersMetrics(create),
})

/** Finds who has content and where peers are, and tells others what this node has. */
export default definePlugin<RoutingConfig, Metrics>({
  manifest: {
    name: 'routing',
    version: '0.1.0',
    requires: [Storage, Pins, Events, Peers, NodeState, Control],
    wants: [Discovery, Fleet, Reputation],
    provides: [Routing],
  },
  schema,
  validate,
  metrics: createMetrics,
  register(container, { config, metrics, log, network, supervise }) {
    const state = use(container, NodeState)
    const peers = use(container, Peers)
    const node = new RoutingNode(config, {
      network,
      storage: use(container, Storage),
      pins: use(container, Pins),
      events: use(container, Events),
      peers,
      discovery: () => find(container, Discovery),
      fleet: () => find(container, Fleet),
      reputation: () => find(container, Reputation),
      metrics: metrics.routing,
      membersMetrics: metrics.members,
      supervise,
      log,
      clock: systemClock,
      random: bytes => randomFillSync(bytes),
    })
    provide(container, Routing, node.router)
    const status = () => node.describe()
    use(container, Control).routes(createRoutes({ routing: node.router, peers, status }))
    let undescribe = (): void => {}
    return {
      async start() {
        undescribe = state.describe('routing', status)
        await node.start()
      },
      async stop() {
        undescribe()
        await node.stop()
      },
      health: () => node.health(),
    }
  },
})
