import type { ConnectionGater } from '@libp2p/interface'
import type { Logger } from '../logger.ts'

/**
 * Says no to connections: any method may be left out, and `true` denies. The remote's key is known, and proved, from
 * `denyInboundEncryptedConnection` and `denyOutboundEncryptedConnection` on; before that an address is all there is. A rule
 * that throws denies. Asked for each connection, so it has to answer at once.
 * `filterMultiaddrForPeer` is about what is kept of a peer, and there `false` drops the address.
 */
export type GateRule = ConnectionGater

/** Who may connect. Inbound connections are refused until it opens; every rule may refuse any connection. */
export interface Gate {
  readonly gater: ConnectionGater
  open(): void
  close(): void
  /** A rule that joins the live node: reputation, fleet. Returns the function that removes it. */
  add(rule: GateRule): () => void
}

export function createGate({ log }: { readonly log: Logger }): Gate {
  let isOpen = false
  const rules = new Set<{ readonly rule: GateRule }>()
  const denied = async (ask: (rule: GateRule) => Promise<boolean> | boolean | undefined) => {
    try {
      for (const { rule } of rules) if (await ask(rule)) return true
      return false
    } catch (error) {
      log.warn({ err: error }, 'a gate rule failed: the connection is denied')
      return true
    }
  }
  return {
    open() {
      isOpen = true
    },
    close() {
      isOpen = false
    },
    add(rule) {
      const entry = { rule }
      rules.add(entry)
      return () => rules.delete(entry)
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
      filterMultiaddrForPeer: async (peer, address) =>
        !(await denied(async rule => (await rule.filterMultiaddrForPeer?.(peer, address)) === false)),
    },
  }
}
