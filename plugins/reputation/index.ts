import {
  Control,
  definePlugin,
  Events,
  NodeState,
  Peers,
  provide,
  Reputation,
  Storage,
  use,
} from '../../core/api.ts'
import { BanList } from './ban-list.ts'
import { type ReputationConfig, schema, validate } from './config.ts'
import { banRule } from './gate-rule.ts'
import { Judge } from './judge.ts'
import { createReputationMetrics, type ReputationMetrics } from './metrics.ts'
import { createRoutes } from './routes.ts'
import { StandingShelf } from './standing-shelf.ts'
import { Uptime } from './uptime.ts'

/** Peers that were banned lately: more than a node has connections in a month of attacks by hand. */
const MAX_BANS = 4096

/** Short enough that what was held is settled soon after its moment is over. */
const REVIEW_PERIOD_MS = 5_000

/** Remembers how peers behaved towards this node, ranks them by it, and keeps out those that do harm. */
export default definePlugin<ReputationConfig, ReputationMetrics>({
  manifest: {
    name: 'reputation',
    version: '0.1.0',
    requires: [Storage, Peers, Events, NodeState, Control],
    wants: [],
    provides: [Reputation],
  },
  schema,
  validate,
  metrics: createReputationMetrics,
  register(container, { config, metrics, log, network }) {
    const { index, bookkeeping } = use(container, Storage)
    const peers = use(container, Peers)
    const state = use(container, NodeState)
    const judge = new Judge(config, {
      peers,
      events: use(container, Events),
      network,
      bans: new BanList({ maxBans: MAX_BANS }, { store: index, log }),
      shelf: new StandingShelf({ store: bookkeeping, log }),
      uptime: new Uptime(() => performance.now()),
      metrics,
      log,
    })
    provide(container, Reputation, judge)
    const known = () => [...new Set([...peers.list().map(({ peer }) => peer), ...judge.banned()])]
    const status = () => judge.status()
    use(container, Control).routes(createRoutes({ reputation: judge, known, status }))
    metrics.observe(() => judge.status())
    const undo: (() => void)[] = []
    return {
      async start() {
        judge.open()
        const timer = setInterval(() => judge.review(), REVIEW_PERIOD_MS).unref()
        undo.push(
          () => clearInterval(timer),
          network.gate(
            banRule({
              isBanned: peer => judge.isBanned(peer),
              refused: direction => metrics.refused.inc({ direction }),
            }),
            'banned',
          ),
          state.describe('reputation', status),
        )
      },
      async stop() {
        for (const step of undo.splice(0).reverse()) step()
        await judge.close()
      },
      health: () => judge.health(),
    }
  },
})
