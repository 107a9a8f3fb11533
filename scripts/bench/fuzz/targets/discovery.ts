import type { Socket } from 'node:dgram'
import { EventEmitter } from 'node:events'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import multicastDns, { type MulticastDNS, type ResponsePacket } from 'multicast-dns'
import { openRecord, sealRecord } from '../../../../plugins/discovery/introductions/signed-record.ts'
import {
  answerOf,
  isAnswerOf,
  isPlausible,
  type Neighbour,
  neighbourOf,
} from '../../../../plugins/discovery/mdns/packets.ts'
import * as wire from '../../../../plugins/discovery/wire/peers.js'
import { type FuzzTarget, fuzzTarget, PROTOBUF_ERRORS } from '../target.ts'
import { addresses, KEYS, PEERS, record, smallBytes, uint32s } from '../values.ts'

const TAG = '_p2p._udp.local'
const NAME = 'board'

/** The library on a socket that is none: what is to be sent comes back from it, and what it hears is put in. */
class QuietSocket extends EventEmitter {
  /** Gets what is sent next. */
  onSent: (message: Buffer) => void = () => {}

  send(message: Buffer): void {
    this.onSent(message)
  }
}

const socket = new QuietSocket()
const mdns: MulticastDNS = multicastDns({
  socket: socket as unknown as Socket,
  bind: false,
  multicast: false,
})
let heard: ResponsePacket | undefined
mdns.on('response', packet => {
  heard = packet
})

/** What the plugin asks of what comes in on its socket, which the library has read. */
function neighbourIn(bytes: Uint8Array): Neighbour | undefined {
  const message = Buffer.from(bytes)
  if (!isPlausible(message)) return undefined
  heard = undefined
  socket.emit('message', message, {})
  if (!heard) return undefined
  isAnswerOf(heard, TAG, NAME)
  return neighbourOf(heard, TAG)
}

const answers: fc.Arbitrary<Neighbour> = record({
  peer: fc.constantFrom(...KEYS.map(peerIdFromPrivateKey)),
  addresses: fc.array(
    fc.nat(65_535).map(port => multiaddr(`/ip4/192.168.1.2/tcp/${port}`)),
    { minLength: 1, maxLength: 8 },
  ),
})

function encodeAnswer({ peer, addresses }: Neighbour): Promise<Uint8Array> {
  const told = addresses.map(address => multiaddr(`${address}/p2p/${peer}`))
  const { promise, resolve } = Promise.withResolvers<Uint8Array>()
  socket.onSent = resolve
  mdns.respond(answerOf(TAG, NAME, told))
  return promise
}

interface Sealed {
  readonly signer: number
  readonly sequence: bigint
  readonly addresses: readonly string[]
}

export const DISCOVERY_TARGETS: readonly FuzzTarget[] = [
  fuzzTarget<wire.Question>({
    name: 'peers-question',
    covers: ['plugins/discovery/wire/peers.proto#Question'],
    shape: 'protobuf',
    values: record({ records: fc.array(smallBytes, { maxLength: 4 }), wanted: uint32s }),
    encode: question => wire.Question.encode(question),
    decode: bytes => wire.Question.decode(bytes, { limits: { records: 32 } }),
    mayThrow: PROTOBUF_ERRORS,
  }),
  fuzzTarget<wire.Answer>({
    name: 'peers-answer',
    covers: ['plugins/discovery/wire/peers.proto#Answer'],
    shape: 'protobuf',
    values: record({ records: fc.array(smallBytes, { maxLength: 4 }) }),
    encode: answer => wire.Answer.encode(answer),
    decode: bytes => wire.Answer.decode(bytes, { limits: { records: 32 } }),
    mayThrow: PROTOBUF_ERRORS,
  }),
  fuzzTarget<Sealed>({
    name: 'signed-record',
    covers: ['plugins/discovery/introductions/signed-record.ts#openRecord'],
    shape: 'protobuf',
    values: record({
      signer: fc.nat(KEYS.length - 1),
      sequence: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      addresses: fc.array(addresses.map(String), { maxLength: 4 }),
    }),
    async encode({ signer, sequence, addresses }) {
      const key = KEYS[signer]
      if (!key) throw new Error('there is no such key')
      const sealed = await sealRecord(
        peerIdFromPrivateKey(key),
        sequence,
        addresses.map(text => multiaddr(text)),
        key,
      )
      return sealed.bytes
    },
    async decode(bytes) {
      const opened = await openRecord(bytes, () => true)
      if (!opened) return undefined
      const signer = PEERS.indexOf(opened.peer.toString())
      if (signer === -1) throw new Error(`it is taken for one of ${opened.peer}, who signed nothing`)
      return { signer, sequence: opened.sequence, addresses: opened.addresses.map(String) }
    },
    mayThrow: ['PEER_RECORD_INVALID'],
    maxInputBytes: 4096,
  }),
  fuzzTarget<Neighbour>({
    name: 'mdns-packet',
    covers: [
      'plugins/discovery/mdns/packets.ts#neighbourOf',
      'plugins/discovery/mdns/packets.ts#isPlausible',
    ],
    words: [TAG, 'dnsaddr=', '/p2p/'],
    values: answers,
    encode: encodeAnswer,
    decode: neighbourIn,
    // An address that was damaged may not fit into an answer.
    toValue: ({ addresses, ...neighbour }) => {
      const isShort = addresses.every(address => address.toString().length < 150)
      return isShort && addresses.length > 0 ? { ...neighbour, addresses } : undefined
    },
    meaningOf: ({ peer, addresses }) => [peer.toString(), addresses.map(String)],
    maxInputBytes: 9000,
  }),
]
