import type { Events } from '../events.ts'
import type { Logger } from '../logger.ts'
import type { ConnectionKeeper } from './connection-keeper.ts'
import { InterfaceWatch } from './interface-watch.ts'
import type { OwnAddresses } from './own-addresses.ts'
import type { PeerProbes } from './peer-probes.ts'
import type { StreamGuard } from './stream-guard.ts'
import type { Surroundings } from './surroundings.ts'
import type { Traffic } from './traffic.ts'

/** Often enough that a change of networks is seen before people wonder, and cheap: some system calls, no packet. */
const PERIOD_MS = 5_000

export interface UpkeepDependencies {
  readonly keeper: Pick<ConnectionKeeper, 'review'>
  readonly guard: Pick<StreamGuard, 'review'>
  readonly ownAddresses: Pick<OwnAddresses, 'review'>
  readonly probes: Pick<PeerProbes, 'check'>
  readonly traffic: Pick<Traffic, 'sample'>
  readonly surroundings: Surroundings
  readonly events: Events
  readonly log: Logger
}

/** What the network does every few seconds, on one timer. */
export class Upkeep {
  readonly #deps: UpkeepDependencies
  readonly #watch: InterfaceWatch
  #end = (): void => {}

  constructor(deps: UpkeepDependencies) {
    this.#deps = deps
    this.#watch = new InterfaceWatch({ periodMs: PERIOD_MS }, deps.surroundings)
  }

  start(): void {
    this.#turn()
    this.#end = this.#deps.surroundings.every(PERIOD_MS, () => this.#turn())
  }

  /** Idempotent. */
  stop(): void {
    this.#end()
  }

  #turn(): void {
    const { keeper, guard, ownAddresses, probes, traffic, surroundings, events, log } = this.#deps
    const change = this.#watch.look()
    if (change) {
      log.info({ reason: change }, 'the network has changed: all peers are asked whether they are there')
      probes.check()
    }
    ownAddresses.review()
    keeper.review()
    guard.review()
    traffic.sample(surroundings.nowMs())
    if (change) events.emit('network:changed', { reason: change })
  }
}
