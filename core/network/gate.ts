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
  /** Inbound connections refused so far, by the reasons that rules were added with. */
  readonly refused: Readonly<Record<string, number>>
  open(): void
  close(): void
  /**
   * A rule that joins the live node: reputation, fleet. Returns the function that removes it. `reason`: why it refuses, in a
   * word, to be counted by; what a rule without one denies isn't counted.
   */
  add(rule: GateRule, reason?: string): () => void
  /** Counts one that was refused by somebody else, before any rule was asked or after. */
  refuse(reason: string): void
}

export interface GateDependencies {
  readonly log: Logger
  /** An inbound connection was refused. */
  onRefuse?(reason: string): void
}

type Question = (rule: GateRule) => Promise<boolean> | boolean | undefined

export function createGate({ log, onRefuse }: GateDependencies): Gate {
  let isOpen = false
  const rules = new Set<{ readonly rule: GateRule; readonly reason: string | undefined }>()
  /** As many as there are reasons. */
  const refused: Record<string, number> = {}
  const refuse = (reason: string): void => {
    refused[reason] = (refused[reason] ?? 0) + 1
    onRefuse?.(reason)
  }
  /** The first rule that says no. */
  const denier = async (ask: Question): Promise<{ readonly reason: string | undefined } | undefined> => {
    try {
      for (const entry of rules) if (await ask(entry.rule)) return entry
      return undefined
    } catch (error) {
      log.warn({ err: error }, 'a gate rule failed: the connection is denied')
      return { reason: 'failed' }
    }
  }
  const denied = async (ask: Question): Promise<boolean> => (await denier(ask)) !== undefined
  const inboundDenied = async (ask: Question): Promise<boolean> => {
    const by = isOpen ? await denier(ask) : { reason: 'shut' }
    if (by?.reason !== undefined) refuse(by.reason)
    return by !== undefined
  }
  return {
    open() {
      isOpen = true
    },
    close() {
      isOpen = false
    },
    refused,
    refuse,
    add(rule, reason) {
      const entry = { rule, reason }
      rules.add(entry)
      return () => rules.delete(entry)
    },
    gater: {
      denyDialPeer: peer => denied(rule => rule.denyDialPeer?.(peer)),
      denyDialMultiaddr: address => denied(rule => rule.denyDialMultiaddr?.(address)),
      denyInboundConnection: raw => inboundDenied(rule => rule.denyInboundConnection?.(raw)),
      denyOutboundConnection: (peer, raw) => denied(rule => rule.denyOutboundConnection?.(peer, raw)),
      denyInboundEncryptedConnection: (peer, raw) =>
        inboundDenied(rule => rule.denyInboundEncryptedConnection?.(peer, raw)),
      denyOutboundEncryptedConnection: (peer, raw) =>
        denied(rule => rule.denyOutboundEncryptedConnection?.(peer, raw)),
      denyInboundUpgradedConnection: (peer, raw) =>
        inboundDenied(rule => rule.denyInboundUpgradedConnection?.(peer, raw)),
      denyOutboundUpgradedConnection: (peer, raw) =>
        denied(rule => rule.denyOutboundUpgradedConnection?.(peer, raw)),
      filterMultiaddrForPeer: async (peer, address) =>
        !(await denied(async rule => (await rule.filterMultiaddrForPeer?.(peer, address)) === false)),
    },
  }
}
