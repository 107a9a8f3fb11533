import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { stateError } from './errors.ts'

/**
 * The peer that `name` means: a whole peer id, known or not, or how the id of exactly one of `known` begins or ends.
 *
 * @param known peer ids as text
 * @throws SkepError PEER_UNKNOWN, PEER_AMBIGUOUS
 */
export function peerNamed(name: string, known: readonly string[]): PeerId {
  const whole = parsed(name)
  if (whole) return whole
  const matching = name === '' ? [] : known.filter(id => id.startsWith(name) || id.endsWith(name))
  const [first, second] = matching
  if (first === undefined) {
    throw stateError(
      'PEER_UNKNOWN',
      `no known peer's id begins or ends with '${name}'; expected a peer id like 12D3KooW…, or the beginning or end of one`,
    )
  }
  if (second !== undefined) {
    throw stateError(
      'PEER_AMBIGUOUS',
      `the ids of ${matching.length} peers begin or end with '${name}', such as ${first} and ${second}`,
    )
  }
  return peerIdFromString(first)
}

function parsed(text: string): PeerId | undefined {
  try {
    return peerIdFromString(text)
  } catch {
    return undefined
  }
}
