import { setTimeout } from 'node:timers/promises'
import { type Logger, messageOf, type NetworkPort, type PeerId } from '../../core/api.ts'
import type { Candidate, CandidateTable } from './candidate-table.ts'
import type { DialConfig } from './config.ts'
import { planDial } from './dial-plan.ts'

export interface DialerDependencies {
  readonly network: NetworkPort
  readonly candidates: CandidateTable
  /** Whether a connection to this peer may be at all; it may become so later. */
  readonly admits: (peer: PeerId) => boolean
  readonly log: Logger
  readonly onResult: (result: 'connected' | 'failed') => void
  /** Monotonic. */
  readonly nowMs: () => number
}

/** The longest that a timer takes; nobody waits that long. */
const MAX_WAIT_MS = 2 ** 31 - 1

/** Connects to candidates while there are too few peers. */
export class Dialer {
  readonly #options: DialConfig
  readonly #dependencies: DialerDependencies
  /** As many as may be under way at a time. */
  readonly #dials = new Set<Promise<void>>()
  #lastDialMs = Number.NEGATIVE_INFINITY
  #rest = new AbortController()

  constructor(options: DialConfig, dependencies: DialerDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  /** Looks again: somebody was found, connected or lost. */
  wake(): void {
    this.#rest.abort()
  }

  /** Background loop: dials until `signal` aborts, then waits for the dials under way to end. */
  async run(signal: AbortSignal): Promise<void> {
    const { network, candidates, nowMs, admits } = this.#dependencies
    while (!signal.aborted) {
      this.#rest = new AbortController()
      const situation = {
        nowMs: nowMs(),
        connected: network.connectedPeers().length,
        lastDialMs: this.#lastDialMs,
      }
      const admitted = [...candidates.list()].filter(({ peer }) => admits(peer))
      const { dial, waitMs } = planDial(admitted, situation, this.#options)
      if (dial) this.#begin(dial, signal)
      else await this.#sleep(waitMs, signal)
    }
    await Promise.all(this.#dials)
  }

  async #sleep(waitMs: number, signal: AbortSignal): Promise<void> {
    const woken = AbortSignal.any([signal, this.#rest.signal])
    await setTimeout(Math.min(waitMs, MAX_WAIT_MS), undefined, { signal: woken, ref: false }).catch(
      () => undefined,
    )
  }

  #begin(candidate: Candidate, signal: AbortSignal): void {
    this.#lastDialMs = this.#dependencies.nowMs()
    this.#dependencies.candidates.dialing(candidate.peer)
    const dial = this.#dial(candidate, signal).finally(() => {
      this.#dials.delete(dial)
      this.wake()
    })
    this.#dials.add(dial)
  }

  async #dial({ peer, addresses, failures, ...standing }: Candidate, signal: AbortSignal): Promise<void> {
    const { network, candidates, log, onResult } = this.#dependencies
    try {
      await network.dial(
        addresses.map(address => address.encapsulate(`/p2p/${peer}`)),
        { signal },
      )
      // It may have been hung up on by now; that it isn't there any more was told before.
      if (network.connections(peer).length > 0) candidates.connected(peer, standing)
      else candidates.failed(peer)
      onResult('connected')
    } catch (error) {
      if (signal.aborted) return
      candidates.failed(peer)
      onResult('failed')
      log.debug({ peer: peer.toString(), failures: failures + 1, reason: messageOf(error) }, 'dial failed')
    }
  }
}
