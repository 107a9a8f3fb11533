import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import * as varint from 'uint8-varint'
import { type BlockTarget, readTarget } from '../../../../core/network/block-target.ts'
import { networkError } from '../../../../core/network/errors.ts'
import { FrameReader } from '../../../../core/network/frame-reader.ts'
import { type IpNetwork, networkText, parseIpNetwork } from '../../../../core/network/ip-network.ts'
import { createCertificate, verifyCertificate } from '../../../../core/network/tls-certificate.ts'
import * as lane from '../../../../core/network/wire/lane.js'
import { parsePosition } from '../../../../core/state/change-feed.ts'
import { peerNamed } from '../../../../core/state/peer-name.ts'
import { dialable, parseAddress } from '../../../../plugins/routing/search/addresses.ts'
import { type FuzzTarget, fuzzTarget, PROTOBUF_ERRORS } from '../target.ts'
import {
  addresses,
  KEYS,
  PEERS,
  peers,
  record,
  textOf,
  texts,
  textsOf,
  uint32s,
  utf8,
  wellFormed,
} from '../values.ts'

const MAX_MESSAGE_BYTES = 4096

/** Frames as they come out of a reader that gets them in pieces. The first byte says how large those are. */
async function framesIn(bytes: Uint8Array): Promise<Uint8Array[]> {
  const pieceBytes = 1 + (bytes[0] ?? 0)
  const stream = bytes.subarray(1)
  const reader = new FrameReader(
    { maxMessageBytes: MAX_MESSAGE_BYTES },
    {
      violated: (code, detail) => networkError(code, detail),
      closed: cause => networkError('STREAM_CLOSED', String(cause)),
      broken: () => {},
      flow: () => {},
    },
  )
  const frames: Uint8Array[] = []
  const reading = (async () => {
    for (let frame = await reader.read(); frame; frame = await reader.read()) frames.push(frame)
  })()
  // It may fail before all is there.
  reading.catch(() => {})
  for (let at = 0; at < stream.length; at += pieceBytes) {
    reader.accept(stream.subarray(at, at + pieceBytes), { lent: at % 2 === 0 })
    reader.arrived()
    // Whoever reads has its turn, as between two packets.
    if (at % 3 === 0) await undefined
  }
  reader.end()
  await reading
  return frames
}

const certificates = await Promise.all(
  KEYS.slice(0, 3).map(async key => ({
    peer: peerIdFromPrivateKey(key).toString(),
    ...(await createCertificate(key)),
  })),
)

function derOf(pem: string): Uint8Array {
  return Buffer.from(pem.replace(/-----[A-Z ]+-----/g, ''), 'base64')
}

const ipNetworks: fc.Arbitrary<IpNetwork> = fc
  .oneof(
    fc.tuple(fc.ipV4(), fc.nat(32)).map(([host, prefix]) => parseIpNetwork(`${host}/${prefix}`)),
    fc.tuple(fc.ipV6(), fc.nat(128)).map(([host, prefix]) => parseIpNetwork(`${host}/${prefix}`)),
  )
  .filter(network => network !== undefined)

const IP_WORDS = [
  '/24',
  '/128',
  '/33',
  '::',
  'ffff:',
  '::ffff:',
  '192.0.2.1',
  '%eth0',
  '0',
  '256',
  '1.2.3',
  'fe80::1',
]
const PEER_WORDS = ['12D3KooW', 'Qm', '1', 'bafzaa', 'k51', 'z', ...PEERS]

export const NETWORK_TARGETS: readonly FuzzTarget[] = [
  fuzzTarget<readonly Uint8Array[]>({
    name: 'frames',
    covers: ['core/network/frame-reader.ts#FrameReader', 'core/network/byte-queue.ts#ByteQueue'],
    values: fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
    encode: frames =>
      Buffer.concat([Buffer.of(6), ...frames.flatMap(frame => [varint.encode(frame.length), frame])]),
    decode: framesIn,
    meaningOf: frames => frames.map(frame => Buffer.from(frame).toString('hex')),
    mayThrow: ['FRAME_TOO_LARGE', 'FRAME_MALFORMED', 'STREAM_CLOSED'],
    maxInputBytes: 16 * 1024,
    // Each of many empty frames is a turn of its own.
    maxBytes: { base: 512 * 1024, perByte: 4000 },
  }),
  fuzzTarget<string>({
    name: 'tls-certificate',
    covers: ['core/network/tls-certificate.ts#verifyCertificate'],
    values: fc.constantFrom(...certificates.map(({ peer }) => peer)),
    encode: peer => derOf(certificates.find(certificate => certificate.peer === peer)?.cert ?? ''),
    async decode(bytes) {
      const peer = (await verifyCertificate(bytes)).toString()
      if (!PEERS.includes(peer)) throw new Error(`it is taken for one of ${peer}`)
      return peer
    },
    mayThrow: ['InvalidCryptoExchangeError', 'UnexpectedPeerError'],
    maxInputBytes: 16 * 1024,
  }),
  fuzzTarget<lane.LaneRequest>({
    name: 'lane-request',
    covers: ['core/network/wire/lane.proto#LaneRequest'],
    shape: 'protobuf',
    values: record({ protocol: texts }),
    encode: request => lane.LaneRequest.encode(request),
    decode: bytes => lane.LaneRequest.decode(bytes),
    meaningOf: wellFormed,
    mayThrow: PROTOBUF_ERRORS,
  }),
  fuzzTarget<lane.LaneResponse>({
    name: 'lane-response',
    covers: ['core/network/wire/lane.proto#LaneResponse'],
    shape: 'protobuf',
    values: record({ ports: fc.array(uint32s, { maxLength: 8 }) }),
    encode: response => lane.LaneResponse.encode(response),
    decode: bytes => lane.LaneResponse.decode(bytes),
    mayThrow: PROTOBUF_ERRORS,
  }),
  fuzzTarget<IpNetwork>({
    name: 'ip-network',
    covers: ['core/network/ip-network.ts#parseIpNetwork'],
    shape: 'text',
    words: IP_WORDS,
    values: ipNetworks,
    encode: network => utf8(networkText(network)),
    decode: bytes => parseIpNetwork(textOf(bytes)),
    meaningOf: ({ family, bytes, prefix }) => [family, Buffer.from(bytes).toString('hex'), prefix],
  }),
  fuzzTarget<BlockTarget>({
    name: 'block-target',
    covers: ['core/network/block-target.ts#readTarget'],
    shape: 'text',
    words: [...IP_WORDS, ...PEER_WORDS],
    values: fc
      .oneof(ipNetworks.map(networkText), peers)
      .map(readTarget)
      .filter(target => target !== undefined),
    encode: ({ text }) => utf8(text),
    decode: bytes => readTarget(textOf(bytes)),
    meaningOf: ({ text, kind }) => [text, kind],
  }),
  fuzzTarget<string>({
    name: 'peer-name',
    covers: ['core/state/peer-name.ts#peerNamed'],
    shape: 'text',
    words: PEER_WORDS,
    values: peers,
    encode: utf8,
    decode: bytes => peerNamed(textOf(bytes), PEERS).toString(),
    // The id of an HTTP peer, which libp2p knows, is a URL that may not come back.
    toValue: name => (name.startsWith('b') ? undefined : name),
    // What the control server takes: base58 takes the square of its length.
    maxInputBytes: 1024,
    mayThrow: ['PEER_UNKNOWN', 'PEER_AMBIGUOUS'],
  }),
  fuzzTarget<string>({
    name: 'multiaddr',
    covers: ['plugins/routing/search/addresses.ts#parseAddress'],
    shape: 'text',
    words: [
      '/ip4/',
      '/ip6/',
      '/dns4/',
      '/tcp/',
      '/udp/',
      '/p2p/',
      '/ws',
      '/p2p-circuit',
      '/unix/',
      '/ip6zone/',
      '/tls/sni/',
      '/http-path/',
      ...PEERS,
    ],
    values: addresses.map(String),
    encode: utf8,
    decode: bytes => parseAddress(textOf(bytes))?.toString(),
    // More than a peer's record has room for: base58 takes the square of its length.
    maxInputBytes: 4096,
  }),
  fuzzTarget<readonly Multiaddr[]>({
    name: 'told-addresses',
    covers: ['plugins/routing/search/addresses.ts#dialable'],
    values: fc.array(addresses, { minLength: 1, maxLength: 4 }),
    encode: addresses =>
      Buffer.concat(addresses.flatMap(({ bytes }) => [Buffer.of(bytes.length % 256), bytes])),
    // As libp2p takes them out of a message: those that are none at first sight don't get further.
    decode(bytes) {
      const told: Multiaddr[] = []
      for (let at = 0; at < bytes.length; at += 1 + (bytes[at] ?? 0)) {
        try {
          told.push(multiaddr(bytes.slice(at + 1, at + 1 + (bytes[at] ?? 0))))
        } catch {}
      }
      const found = dialable(told)
      for (const address of found) address.toString()
      return found
    },
    toValue: () => undefined,
    maxInputBytes: 2048,
    // Each byte may be an address, of none but that.
    maxBytes: { base: 512 * 1024, perByte: 2000 },
  }),
  fuzzTarget<{ readonly run?: string; readonly sequence: number }>({
    name: 'feed-position',
    covers: ['core/state/change-feed.ts#parsePosition'],
    shape: 'text',
    words: ['-', '.', '1', '999999999999999', 'run-'],
    values: fc.oneof(
      record({ sequence: fc.nat(10 ** 15 - 1) }),
      record({ run: textsOf('abc.0_', { minLength: 1, maxLength: 64 }), sequence: fc.nat(10 ** 15 - 1) }),
    ),
    encode: ({ run, sequence }) => utf8(run === undefined ? String(sequence) : `${run}-${sequence}`),
    decode: bytes => parsePosition(textOf(bytes)),
  }),
]
