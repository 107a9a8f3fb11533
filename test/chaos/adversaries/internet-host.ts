import type { Place } from '../../helpers/raw/wire.ts'
import type { Arena } from './arena.ts'

/** Networks that are no private ones, and in the namespace of these attacks lead nowhere but to itself. */
export const INTERNET = ['81.2.69.0/24', '81.2.70.0/24'] as const

/** Host `at` of one of them. */
export function hostOf(network: (typeof INTERNET)[number], at: number): string {
  return network.replace('0/24', String(at))
}

/** Where such a host knocks at the node. */
export function placeFrom({ victim }: Arena, host: string): Place {
  return { host: '127.0.0.1', port: victim.port, localAddress: host }
}
