import { isPrivateIp } from '@libp2p/utils'
import type { PeerSummary } from '../../core/api.ts'
import type { Side, Sign, Signs } from './fault-attribution.ts'

type Seen = Pick<PeerSummary, 'peer' | 'direction' | 'isRelayed' | 'remoteAddress' | 'bytesReceived'>

/** What is to be seen of each connected peer just now. */
export function signsOf(peers: readonly Seen[]): Signs {
  const connected = peers.filter(({ direction }) => direction !== undefined)
  return new Map(
    connected.map((peer): [string, Sign] => [peer.peer, { side: sideOf(peer), bytes: peer.bytesReceived }]),
  )
}

/** `near`: no router of ours lies between. */
export function sideOf({ isRelayed, remoteAddress }: Pick<Seen, 'isRelayed' | 'remoteAddress'>): Side {
  const [, host] = /^\/ip[46]\/([^/]+)/.exec(remoteAddress ?? '') ?? []
  return !isRelayed && host !== undefined && isPrivateIp(host) === true ? 'near' : 'far'
}
