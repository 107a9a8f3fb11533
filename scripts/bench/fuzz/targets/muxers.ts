import { ok } from 'node:assert/strict'
import {
  type MultiaddrConnection,
  type Stream,
  StreamMessageEvent,
  type StreamMuxer,
  type StreamMuxerFactory,
  TypedEventEmitter,
} from '@libp2p/interface'
import fc, { type Arbitrary } from 'fast-check'
import * as varint from 'uint8-varint'
import { boundedMplex } from '../../../../core/network/bounded-mplex.ts'
import { boundedYamux } from '../../../../core/network/bounded-yamux.ts'
import { guardedMuxer, LengthGuard, questions } from '../../../../core/network/length-guard.ts'
import { type FuzzTarget, fuzzTarget } from '../target.ts'
import { record, smallBytes, utf8 } from '../values.ts'

const PROTOCOL = '/fuzz/1.0.0'
const IDENTIFY = '/ipfs/id/1.0.0'
const components = { registrar: { getProtocols: () => [PROTOCOL, IDENTIFY] } }

/** As the node has them. */
const WINDOW_BYTES = 1024 * 1024
const yamux = guardedMuxer(
  boundedYamux({
    maxFrameBytes: WINDOW_BYTES + 12,
    enableKeepAlive: false,
    maxInboundStreams: 256,
    maxOutboundStreams: 256,
    maxEarlyStreams: 16,
    streamOptions: { initialStreamWindowSize: WINDOW_BYTES / 4, maxStreamWindowSize: WINDOW_BYTES },
  }),
)(components)
const mplex = guardedMuxer(boundedMplex({ disconnectThreshold: 50 }))(components)

const quiet = Object.assign((): void => {}, {
  enabled: false,
  trace(): void {},
  error(): void {},
  newScope: () => quiet,
})

/** A connection that nobody is at the other end of: what comes of it is put in, and what is sent counted. */
class QuietConnection extends TypedEventEmitter<{ message: StreamMessageEvent }> {
  readonly direction = 'inbound'
  readonly log = quiet
  readonly status = 'open'
  sentBytes = 0
  /** Why it was ended. */
  reason: Error | undefined

  send({ byteLength }: { readonly byteLength: number }): boolean {
    this.sentBytes += byteLength
    return true
  }

  abort(reason: Error): void {
    this.reason ??= reason
  }
}

/** Of a negotiation. */
function line(text: string): Uint8Array {
  const bytes = utf8(`${text}\n`)
  return Buffer.concat([varint.encode(bytes.length), bytes])
}

const NEGOTIATION = Buffer.concat([line('/multistream/1.0.0'), line(PROTOCOL)])

/** What each of some streams carries, behind its negotiation. */
type Carried = readonly Uint8Array[]

const carried: Arbitrary<Carried> = fc.array(smallBytes, { minLength: 1, maxLength: 4 })

/** Nobody answers more than a few bytes for each that comes, whatever that is. */
const MAX_SENT = { base: 1024, perByte: 16 }

/** What comes through a muxer, a stream each, of bytes that arrive in pieces. The first byte says how large those are. */
async function through(factory: StreamMuxerFactory, bytes: Uint8Array): Promise<Carried | undefined> {
  const connection = new QuietConnection()
  const muxer: StreamMuxer = factory.createStreamMuxer(connection as unknown as MultiaddrConnection)
  const arrived = new Map<Stream, Uint8Array[]>()
  muxer.addEventListener('stream', ({ detail: stream }) => {
    const parts: Uint8Array[] = []
    arrived.set(stream, parts)
    stream.addEventListener('message', ({ data }) => parts.push(data.subarray()))
  })
  const pieceBytes = 1 + (bytes[0] ?? 0)
  for (let at = 1; at < bytes.length && !connection.reason; at += pieceBytes)
    connection.dispatchEvent(new StreamMessageEvent(bytes.slice(at, at + pieceBytes)))
  // What is sent, and what a stream's reader is told, waits for its turn.
  await undefined
  const { reason, sentBytes } = connection
  ok(
    sentBytes <= MAX_SENT.base + MAX_SENT.perByte * bytes.length,
    `${sentBytes} bytes are sent for ${bytes.length}`,
  )
  muxer.abort(new Error('this is as far as it goes'))
  if (reason) throw reason
  return Array.from(arrived.values(), parts => Buffer.concat(parts))
}

/** By what a muxer ends a connection, and nothing else. */
const ENDINGS = {
  yamux: ['ProtocolError', 'InvalidFrameError', 'InvalidParametersError'].concat([
    'UnRequestedPingError',
    'NotMatchingPingError',
    'ReceiveWindowExceededError',
  ]),
  mplex: ['ProtocolError', 'InvalidMessageError', 'RangeError', 'Error'],
}

/** A stream takes some 10 KB, of which a peer has a quota; and each piece of a byte is an event. */
const MAX_BYTES = { base: 1024 * 1024, perByte: 4000 }

const YAMUX_SYN = 1

function yamuxFrame(id: number, data: Uint8Array): Uint8Array {
  const header = Buffer.alloc(12)
  header.writeUInt16BE(YAMUX_SYN, 2)
  header.writeUInt32BE(id, 4)
  header.writeUInt32BE(data.length, 8)
  return Buffer.concat([header, data])
}

const MPLEX = { newStream: 0, message: 2 }

function mplexFrame(id: number, kind: number, data: Uint8Array): Uint8Array {
  return Buffer.concat([varint.encode(id * 8 + kind), varint.encode(data.length), data])
}

/** Undefined where a stream begins with no such negotiation: nobody encodes that. */
function asMade(streams: Carried): Carried | undefined {
  const isMade = streams.every(
    bytes => Buffer.compare(bytes.subarray(0, NEGOTIATION.length), NEGOTIATION) === 0,
  )
  return isMade ? streams.map(bytes => bytes.subarray(NEGOTIATION.length)) : undefined
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** A negotiation and frames behind it, and how it is said that they may pass. */
interface Guarded {
  readonly lines: readonly string[]
  readonly frames: Carried
}

export const MUXER_TARGETS: readonly FuzzTarget[] = [
  fuzzTarget<Carried>({
    name: 'yamux',
    covers: ['core/network/bounded-yamux.ts#boundedYamux', 'core/network/length-guard.ts#guardedMuxer'],
    values: carried,
    encode: streams =>
      Buffer.concat([
        Buffer.of(40),
        ...streams.map((data, n) => yamuxFrame(2 * n + 1, Buffer.concat([NEGOTIATION, data]))),
      ]),
    decode: bytes => through(yamux, bytes),
    toValue: asMade,
    meaningOf: streams => streams.map(hex),
    mayThrow: ENDINGS.yamux,
    maxInputBytes: 16 * 1024,
    maxBytes: MAX_BYTES,
  }),
  fuzzTarget<Carried>({
    name: 'mplex',
    covers: ['core/network/bounded-mplex.ts#boundedMplex'],
    values: carried,
    encode: streams =>
      Buffer.concat([
        Buffer.of(40),
        ...streams.flatMap((data, id) => [
          mplexFrame(id, MPLEX.newStream, utf8('name')),
          mplexFrame(id, MPLEX.message, Buffer.concat([NEGOTIATION, data])),
        ]),
      ]),
    decode: bytes => through(mplex, bytes),
    toValue: asMade,
    meaningOf: streams => streams.map(hex),
    mayThrow: ENDINGS.mplex,
    maxInputBytes: 16 * 1024,
    maxBytes: MAX_BYTES,
  }),
  fuzzTarget<Guarded, string>({
    name: 'negotiation',
    covers: ['core/network/length-guard.ts#LengthGuard'],
    words: ['/multistream/1.0.0\n', `${PROTOCOL}\n`, `${IDENTIFY}\n`, 'na\n', 'ls\n'],
    values: record({
      lines: fc.array(fc.constantFrom('/multistream/1.0.0', 'ls', '/other'), { maxLength: 4 }),
      frames: fc.array(smallBytes, { maxLength: 4 }),
    }),
    encode: ({ lines, frames }) =>
      Buffer.concat([
        Buffer.of(3),
        ...lines.map(line),
        line(IDENTIFY),
        ...frames.flatMap(frame => [varint.encode(frame.length), frame]),
      ]),
    decode(bytes) {
      const pieces = judgement(bytes.subarray(1), 1 + (bytes[0] ?? 0))
      const whole = judgement(bytes.subarray(1), bytes.length)
      if (pieces !== whole) throw new Error(`in pieces it is ${pieces}, not ${whole}`)
      return whole === 'cut' ? undefined : whole
    },
    toValue: () => undefined,
  }),
]

function judgement(bytes: Uint8Array, pieceBytes: number): string {
  const guard = new LengthGuard(questions(() => [PROTOCOL, IDENTIFY]))
  for (let at = 0; at < bytes.length; at += pieceBytes)
    if (!guard.push(bytes.subarray(at, at + pieceBytes))) return 'cut'
  return guard.isOver ? 'over' : 'on'
}
