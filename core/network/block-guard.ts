import type { Connection, MultiaddrConnection, PeerId } from '@libp2p/interface'
import type { Logger } from '../logger.ts'
import type { NodeBlocklist } from './blocklist.ts'
import { networkError } from './errors.ts'
import type { GateRule } from './gate.ts'
import { parseIpNetwork } from './ip-network.ts'
import { rawSocketOf, type Traffic } from './traffic.ts'

/** Keeps out who is blocked, as soon as it shows who that is. */
export function blockRule(blocklist: NodeBlocklist): GateRule {
  const deny = (raw: MultiaddrConnection, peer?: PeerId): boolean => {
    // Of an address with a name only the socket knows where it led.
    const host = rawSocketOf(raw)?.remoteAddress
    const ip = host === undefined ? undefined : parseIpNetwork(host)
    const block = blocklist.isBlocked({ address: raw.remoteAddr, ...(peer && { peer }) })
    return Boolean(block ?? (ip && blocklist.isIpBlocked(ip)))
  }
  return {
    denyDialPeer: peer => blocklist.isBlocked({ peer }) !== undefined,
    denyDialMultiaddr: address => blocklist.isBlocked({ address }) !== undefined,
    denyInboundConnection: raw => deny(raw),
    denyInboundEncryptedConnection: (peer, raw) => deny(raw, peer),
    denyOutboundEncryptedConnection: (peer, raw) => deny(raw, peer),
    // Who is slow to agree on a muxer may have been blocked meanwhile.
    denyInboundUpgradedConnection: (peer, raw) => deny(raw, peer),
    denyOutboundUpgradedConnection: (peer, raw) => deny(raw, peer),
  }
}

export interface CutBlockedDependencies {
  readonly blocklist: NodeBlocklist
  readonly traffic: Pick<Traffic, 'hostsOf'>
  readonly log: Logger
}

/** Ends those of `connections` that lead to who is blocked; lanes end with them. */
export function cutBlocked(connections: readonly Connection[], deps: CutBlockedDependencies): void {
  const { blocklist, traffic, log } = deps
  for (const connection of connections) {
    const { remotePeer: peer, remoteAddr: address, direct } = connection
    const hosts = direct ? traffic.hostsOf(peer).flatMap(host => parseIpNetwork(host) ?? []) : []
    const block = [
      blocklist.isBlocked({ peer, address }),
      ...hosts.map(ip => blocklist.isIpBlocked(ip)),
    ].find(Boolean)
    if (!block) continue
    log.info({ peer: peer.toString(), target: block.target }, 'a connection is cut: the peer was blocked')
    connection.abort(networkError('PEER_BLOCKED', `${block.target} is blocked`))
  }
}
