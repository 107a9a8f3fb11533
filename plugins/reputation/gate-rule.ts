import type { GateRule, PeerId } from '../../core/api.ts'

export interface GateRuleDependencies {
  isBanned(peer: PeerId): boolean
  /** A banned peer came, or was about to be dialed. */
  refused(direction: 'inbound' | 'outbound'): void
}

/**
 * Keeps banned peers out as soon as their key is proved, before there is a muxer, let alone a protocol. Asked once more at the end: who
 * is slow to agree on a muxer may have been banned meanwhile.
 */
export function banRule({ isBanned, refused }: GateRuleDependencies): GateRule {
  const deny = (peer: PeerId, direction: 'inbound' | 'outbound'): boolean => {
    const isDenied = isBanned(peer)
    if (isDenied) refused(direction)
    return isDenied
  }
  return {
    denyDialPeer: peer => deny(peer, 'outbound'),
    denyInboundEncryptedConnection: peer => deny(peer, 'inbound'),
    // Of an address that was dialed without a peer id only this tells who is there.
    denyOutboundEncryptedConnection: peer => deny(peer, 'outbound'),
    denyInboundUpgradedConnection: peer => deny(peer, 'inbound'),
    denyOutboundUpgradedConnection: peer => deny(peer, 'outbound'),
  }
}
