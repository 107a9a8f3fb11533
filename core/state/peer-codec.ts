import type { EvidenceKind } from '../events.ts'
import type { DiscoverySource } from '../services/discovery.ts'
import { boundedAddresses, type KeptPeer, MAX_TEXT_CHARACTERS } from './peer-record.ts'
import { StoredPeer, StoredTags } from './wire/peer-record.js'

/** The byte that comes first. Version 1 had none: it was the discovery plugin's, JSON, and begins with `{`. */
const VERSION = 2
const JSON_START = 0x7b
/** A longer value is none of ours. */
const MAX_RECORD_BYTES = 16 * 1024

const SOURCES: Readonly<Record<DiscoverySource, true>> = {
  mdns: true,
  bootstrap: true,
  remembered: true,
  exchange: true,
  dht: true,
  manual: true,
  inbound: true,
}

const EVIDENCE_KINDS: Readonly<Record<EvidenceKind, true>> = {
  'invalid-block': true,
  'protocol-violation': true,
  timeout: true,
  overload: true,
}

export function encodePeer({
  rank,
  lastSeenMs,
  foundBy,
  addresses,
  agent,
  evidence,
}: Omit<KeptPeer, 'peer'>): Uint8Array {
  return versioned(
    StoredPeer.encode({
      rank: BigInt(rank),
      // A board without a clock may be before 1970, or within a fraction of it.
      lastSeenMs: lastSeenMs === undefined ? 0n : BigInt(Math.max(1, Math.round(lastSeenMs))),
      foundBy: foundBy ?? '',
      addresses: [...addresses],
      agent: agent ?? '',
      evidence: Object.entries(evidence).map(([kind, count]) => ({ kind, count: BigInt(count) })),
    }),
  )
}

/** Undefined for what is no record of `peer` that this program knows. Never throws. */
export function decodePeer(peer: string, bytes: Uint8Array): KeptPeer | undefined {
  try {
    return bytes[0] === JSON_START ? decodeJson(peer, bytes) : decodeCurrent(peer, bytes)
  } catch {
    return undefined
  }
}

export function encodeTags(tags: Readonly<Record<string, number>>): Uint8Array {
  return versioned(
    StoredTags.encode({ tags: Object.entries(tags).map(([name, value]) => ({ name, value })) }),
  )
}

/** Undefined for what this program doesn't know. Never throws. */
export function decodeTags(bytes: Uint8Array): Readonly<Record<string, number>> | undefined {
  try {
    const { tags } = StoredTags.decode(payloadOf(bytes))
    return Object.fromEntries(tags.map(({ name, value }) => [name, value]))
  } catch {
    return undefined
  }
}

function versioned(message: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.of(VERSION), message])
}

/** @throws TypeError where it has another version */
function payloadOf(bytes: Uint8Array): Uint8Array {
  if (bytes[0] !== VERSION || bytes.length > MAX_RECORD_BYTES) throw new TypeError('not of this version')
  return bytes.subarray(1)
}

function decodeCurrent(peer: string, bytes: Uint8Array): KeptPeer {
  const { rank, lastSeenMs, foundBy, addresses, agent, evidence } = StoredPeer.decode(payloadOf(bytes))
  return {
    peer,
    rank: safe(rank),
    lastSeenMs: lastSeenMs === 0n ? undefined : safe(lastSeenMs),
    foundBy: isKey(SOURCES, foundBy) ? foundBy : undefined,
    addresses: boundedAddresses(peer, addresses),
    agent: agent === '' ? undefined : agent.slice(0, MAX_TEXT_CHARACTERS),
    evidence: Object.fromEntries(
      evidence.flatMap(({ kind, count }) => (isKey(EVIDENCE_KINDS, kind) ? [[kind, safe(count)]] : [])),
    ),
  }
}

/** `{"version":1,"rank":7,"addresses":["/ip4/…"]}` */
function decodeJson(peer: string, bytes: Uint8Array): KeptPeer | undefined {
  const { version, rank, addresses } = JSON.parse(Buffer.from(bytes).toString())
  const isKnown = version === 1 && Number.isSafeInteger(rank) && rank >= 0 && Array.isArray(addresses)
  if (!isKnown || !addresses.every(address => typeof address === 'string')) return undefined
  // It was connected, or it would not have been kept; nobody knows when.
  return {
    peer,
    rank,
    lastSeenMs: 1,
    foundBy: undefined,
    addresses: boundedAddresses(peer, addresses),
    agent: undefined,
    evidence: {},
  }
}

function isKey<K extends string>(keys: Readonly<Record<K, true>>, text: string): text is K {
  return Object.hasOwn(keys, text)
}

/** @throws RangeError beyond what a number holds exactly */
function safe(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`${value} is too large`)
  return Number(value)
}
