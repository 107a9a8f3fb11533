import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { isLoopback, isPrivate } from '@libp2p/utils'
import { CODE_P2P, type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { ResponseOutgoingPacket, ResponsePacket } from 'multicast-dns'

/** https://github.com/libp2p/specs/blob/master/discovery/mdns.md#response */
const ADDRESS_KEY = 'dnsaddr='
/** https://www.rfc-editor.org/rfc/rfc6763#section-6.1 */
const MAX_TEXT_BYTES = 255
/** Addresses told: an answer has to fit into one packet of 1500 bytes. */
const MAX_ADDRESSES = 8
/** Of every record: how long others may keep it. Nobody keeps them here; other programs ask. */
const TTL_SECONDS = 120

export interface Neighbour {
  readonly peer: PeerId
  /** Without `/p2p`. */
  readonly addresses: readonly Multiaddr[]
}

/** Addresses that mean something to a neighbour: private ones, and loopback where that is the network. */
export function tellable(addresses: readonly Multiaddr[], onLoopback: boolean): Multiaddr[] {
  return addresses.filter(address => isPrivate(address) && (onLoopback || !isLoopback(address)))
}

/**
 * What this node answers with.
 *
 * @param name of the node among its neighbours: a label by chance, as the specification wants it
 * @param addresses with `/p2p`
 */
export function answerOf(
  serviceTag: string,
  name: string,
  addresses: readonly Multiaddr[],
): ResponseOutgoingPacket {
  const instance = `${name}.${serviceTag}`
  const texts = addresses
    .map(address => `${ADDRESS_KEY}${address}`)
    .filter(text => text.length <= MAX_TEXT_BYTES)
    .slice(0, MAX_ADDRESSES)
  return {
    answers: [
      { type: 'PTR', name: serviceTag, class: 'IN', ttl: TTL_SECONDS, data: instance },
      { type: 'TXT', name: instance, class: 'IN', ttl: TTL_SECONDS, data: texts },
    ],
  }
}

/** Whether an answer is the one that `name` gave. */
export function isAnswerOf({ answers }: ResponsePacket, serviceTag: string, name: string): boolean {
  return answers.some(
    answer => answer.type === 'PTR' && answer.name === serviceTag && answer.data === `${name}.${serviceTag}`,
  )
}

/** Of a question, the shortest there is: a name of one byte, and its type and class. */
const MIN_ENTRY_BYTES = 5
const HEADER_BYTES = 12

/**
 * False where the four counts of a packet's header announce more than it has room for. The library makes room for as many, and
 * may read one record that often.
 */
export function isPlausible(packet: Buffer): boolean {
  if (packet.length < HEADER_BYTES) return false
  const entries = [4, 6, 8, 10].reduce((sum, at) => sum + packet.readUInt16BE(at), 0)
  return entries * MIN_ENTRY_BYTES <= packet.length - HEADER_BYTES
}

/** Who answered; undefined for answers to other questions, and for what is malformed: anybody may send anything. */
export function neighbourOf(packet: ResponsePacket, serviceTag: string): Neighbour | undefined {
  if (!packet.answers.some(({ type, name }) => type === 'PTR' && name === serviceTag)) return undefined
  // The specification has the addresses among the additional records; js-libp2p has them among the answers.
  const texts = [...packet.answers, ...packet.additionals]
    .flatMap(record => (record.type === 'TXT' ? record.data : []))
    .map(String)
    .filter(text => text.startsWith(ADDRESS_KEY))
    .slice(0, MAX_ADDRESSES)
  try {
    const addresses = texts.map(text => multiaddr(text.slice(ADDRESS_KEY.length)))
    const id = addresses[0]?.getComponents().findLast(({ code }) => code === CODE_P2P)?.value
    if (!id) return undefined
    return {
      peer: peerIdFromString(id),
      addresses: addresses.map(address => address.decapsulateCode(CODE_P2P)),
    }
  } catch {
    return undefined
  }
}
