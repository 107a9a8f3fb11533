import type { ConnectionGater } from '@libp2p/interface'

/** Who may connect. Inbound connections are refused until it opens; every rule may refuse any connection. */
export interface Gate {
  readonly gater: ConnectionGater
  open(): void
  close(): void
  /** A rule that joins the live node: reputation, fleet. Returns the function that removes it. */
  add(rule: ConnectionGater): () => void
}

export function createGate(): Gate {
  let isOpen = false
  const rules = new Set<ConnectionGater>()
  const denied = async (ask: (rule: ConnectionGater) => Promise<boolean> | boolean | undefined) => {
    for (const rule of rules) if (await ask(rule)) return true
    return false
  }
  return {
    open() {
      isOpen = true
    },
    close() {
      isOpen = false
    },
    add(rule) {
      rules.add(rule)
      return () => rules.delete(rule)
    },
    gater: {
      denyDialPeer: peer => denied(rule => rule.denyDialPeer?.(peer)),
      denyDialMultiaddr: address => denied(rule => rule.denyDialMultiaddr?.(address)),
      denyInboundConnection: raw => !isOpen || denied(rule => rule.denyInboundConnection?.(raw)),
      denyOutboundConnection: (peer, raw) => denied(rule => rule.denyOutboundConnection?.(peer, raw)),
      denyInboundEncryptedConnection: (peer, raw) =>
        denied(rule => rule.denyInboundEncryptedConnection?.(peer, raw)),
      denyOutboundEncryptedConnection: (peer, raw) =>
        denied(rule => rule.denyOutboundEncryptedConnection?.(peer, raw)),
      denyInboundUpgradedConnection: (peer, raw) =>
        denied(rule => rule.denyInboundUpgradedConnection?.(peer, raw)),
      denyOutboundUpgradedConnection: (peer, raw) =>
        denied(rule => rule.denyOutboundUpgradedConnection?.(peer, raw)),
    },
  }
}
