import { type Token, token } from '../container.ts'

export type DiscoverySource = 'mdns' | 'bootstrap' | 'remembered' | 'exchange' | 'dht' | 'manual' | 'inbound'

/** What the discovery plugin lets others see. */
export interface Discovery {
  /** How a peer was first found, by its id as text. */
  sourceOf(peer: string): DiscoverySource | undefined
  /** Peers remembered for the next start. */
  readonly remembered: number
}

export const Discovery: Token<Discovery> = token('discovery')
