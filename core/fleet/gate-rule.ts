import type { PeerId } from '@libp2p/interface'
import type { GateRule } from '../network/gate.ts'

/**
 * Lets nobody in, and nobody be dialed, whom `admits` doesn't know. The remote's key is looked at as soon as it is proved: there
 * is no muxer yet and no identify. Asked once more at the end, as the roster may have changed meanwhile.
 */
export function fleetRule(admits: (peer: PeerId) => boolean): GateRule {
  const deny = (peer: PeerId): boolean => !admits(peer)
  return {
    denyDialPeer: deny,
    denyOutboundConnection: deny,
    denyInboundEncryptedConnection: deny,
    denyOutboundEncryptedConnection: deny,
    denyInboundUpgradedConnection: deny,
    denyOutboundUpgradedConnection: deny,
  }
}
