import { isPrivate } from '@libp2p/utils'
import {
  CODE_IP4,
  CODE_P2P,
  CODE_P2P_CIRCUIT,
  CODE_TCP,
  type Multiaddr,
  multiaddr,
} from '@multiformats/multiaddr'
import type { NodeAddress } from './parts.ts'
import type { AddressEvidence } from './reachability.ts'

/** Addresses that peers are asked to try in one check: an own one, a mapping, a guess, and some to spare. */
const MAX_CANDIDATES = 8

export interface Candidate {
  readonly address: Multiaddr
  readonly via: AddressEvidence['via']
  /** As AutoNAT takes it: it wants more witnesses for what others observed than for what this node knows. */
  readonly type: NodeAddress['type']
}

const VIA: Partial<Record<NodeAddress['type'], AddressEvidence['via']>> = {
  transport: 'interface',
  'ip-mapping': 'mapping',
  announce: 'announced',
  observed: 'observed',
}

/**
 * The public addresses worth trying: those that libp2p knows, and the port listened on at the host that others see, which
 * works where a router forwards it by hand. libp2p leaves the latter out.
 */
export function candidatesOf(
  addresses: readonly NodeAddress[],
  observedHost: string | undefined,
): readonly Candidate[] {
  const found = new Map<string, Candidate>()
  for (const { multiaddr: full, type } of addresses) {
    const via = VIA[type]
    if (!via || !isPublic(full)) continue
    const address = full.decapsulateCode(CODE_P2P)
    // What the config names, libp2p takes for verified and AutoNAT would not ask about.
    found.set(address.toString(), { address, via, type: type === 'announce' ? 'transport' : type })
  }
  const isAnnounced = addresses.some(({ type }) => type === 'announce')
  if (observedHost !== undefined && !isAnnounced) {
    for (const port of listenPorts(addresses)) {
      const address = multiaddr(`/ip4/${observedHost}/tcp/${port}`)
      if (!found.has(address.toString())) {
        found.set(address.toString(), { address, via: 'observed', type: 'observed' })
      }
    }
  }
  return [...found.values()].slice(0, MAX_CANDIDATES)
}

/** Of a host of the public internet, without a relay in between. */
export function isPublic(address: Multiaddr): boolean {
  return !isRelayed(address) && hostOf(address) !== undefined && !isPrivate(address)
}

export function isRelayed(address: Multiaddr): boolean {
  return address.getComponents().some(({ code }) => code === CODE_P2P_CIRCUIT)
}

function hostOf(address: Multiaddr): string | undefined {
  return address.getComponents().find(({ name }) => name === 'ip4' || name === 'ip6')?.value
}

export function ipv4Of(address: Multiaddr): string | undefined {
  return address.getComponents().find(({ code }) => code === CODE_IP4)?.value
}

export function tcpPortOf(address: Multiaddr): string | undefined {
  return address.getComponents().find(({ code }) => code === CODE_TCP)?.value
}

function listenPorts(addresses: readonly NodeAddress[]): Set<string> {
  const ports = addresses
    .filter(({ type, multiaddr }) => type === 'transport' && !isRelayed(multiaddr) && ipv4Of(multiaddr))
    .map(({ multiaddr }) => tcpPortOf(multiaddr))
  return new Set(ports.filter(port => port !== undefined))
}
