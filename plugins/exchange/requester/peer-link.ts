import type { PeerId } from '@libp2p/interface'
import type { Mode } from '../wire/codec.ts'
import { Asks } from './asks.ts'
import type { Fault, Link, LinkDependencies, LinkOptions } from './link.ts'
import type { Want } from './want.ts'

/** What links of every protocol share: whom they lead to, and the planner's view of what is asked there. */
export abstract class PeerLink implements Link {
  readonly peer: PeerId
  readonly id: string
  protected readonly asks: Asks
  readonly #handicap: () => number

  constructor(
    peer: PeerId,
    options: LinkOptions,
    { now, handicap = () => 1 }: Pick<LinkDependencies, 'now' | 'handicap'>,
  ) {
    this.peer = peer
    this.id = peer.toString()
    this.asks = new Asks(options, { now })
    this.#handicap = handicap
  }

  get roomBytes(): number {
    return this.asks.meter.roomBytes
  }

  get outstandingBytes(): number {
    return this.asks.meter.outstandingBytes
  }

  get bytesPerMs(): number {
    return this.asks.meter.bytesPerMs
  }

  get latencyMs(): number {
    return this.asks.latencyMs
  }

  get handicap(): number {
    return this.#handicap()
  }

  get usable(): boolean {
    return this.asks.usable
  }

  get quietMs(): number {
    return this.asks.quietMs
  }

  get idleMs(): number {
    return this.asks.idleMs
  }

  ease(): void {
    this.asks.ease()
  }

  stall(): void {
    this.asks.meter.stall()
  }

  pauseFor(durationMs: number): void {
    this.asks.pauseFor(durationMs)
  }

  abstract readonly protocol: string
  abstract readonly roomWants: number
  abstract readonly open: boolean
  abstract ask(want: Want, mode: Mode): number
  abstract cancel(id: number): void
  abstract forget(want: Want): void
  abstract drop(reason: string, fault?: Fault): void
  abstract rest(): Promise<void>
}
