import {
  Blocks,
  Content,
  Control,
  definePlugin,
  Events,
  Exchange,
  MemoryBudget,
  NodeState,
  Pins,
  Storage,
  systemClock,
  use,
} from '../../core/api.ts'
import { schema, type VerificationConfig } from './config.ts'
import { createVerificationMetrics, type VerificationMetrics } from './metrics.ts'
import { createRoutes } from './routes.ts'
import { Verification } from './verification.ts'

/** Reads every block again in time, and fetches good copies of those that went bad. */
export default definePlugin<VerificationConfig, VerificationMetrics>({
  manifest: {
    name: 'verification',
    version: '0.1.0',
    requires: [Storage, Blocks, Pins, Content, Control, Events, MemoryBudget, NodeState],
    wants: [Exchange],
    provides: [],
  },
  schema,
  metrics: createVerificationMetrics,
  register(container, { config, metrics, log, supervise }) {
    const state = use(container, NodeState)
    const verification = new Verification(config, {
      storage: use(container, Storage),
      blocks: use(container, Blocks),
      pins: use(container, Pins),
      memory: use(container, MemoryBudget),
      events: use(container, Events),
      metrics,
      log,
      clock: systemClock,
      random: Math.random,
    })
    const { verifier, list, scrubber, repairer } = verification
    const status = () => verification.status()
    use(container, Control).routes(createRoutes({ content: use(container, Content), verifier, list, status }))
    let undescribe = (): void => {}
    return {
      async start() {
        verification.open()
        undescribe = state.describe('verification', status)
        supervise('scrub', signal => scrubber.run(signal))
        supervise('repair', signal => repairer.run(signal))
      },
      async stop() {
        undescribe()
        await verification.close()
      },
      health: () => verification.health(),
    }
  },
})
