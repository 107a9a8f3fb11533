import {
  type ConnectionEncrypter,
  type MessageStream,
  ProtocolError,
  type StreamMessageEvent,
  type StreamMuxerFactory,
  type Transport,
  type Upgrader,
} from '@libp2p/interface'
import * as varint from 'uint8-varint'
import type { Uint8ArrayList } from 'uint8arraylist'

// libp2p reads a length byte by byte, each time from its start, and looks at its bound only when it has ended: one that never
// does keeps the event loop busy for good, as all of it happens within microtasks. Whoever connects can send one, before it has
// shown who it is. So what comes is followed here, and cut off, before libp2p sees it. Channels of our own read otherwise.

const MULTISTREAM = '/multistream/1.0.0'
/** https://github.com/multiformats/multistream-select: a line is 1024 bytes at most, for which two bytes of a varint do. */
const MAX_LINE_BYTES = 1024
const MAX_LINE_LENGTH_BYTES = 2
/** Lines of one negotiation: each that isn't known is answered. */
const MAX_LINES = 64
/** Messages of libp2p's own services have less than 2^28 bytes, by far. */
const MAX_LENGTH_BYTES = 4

/** What libp2p's services speak: frames behind their length to the end, or so many before anything may follow. */
const FRAMES: readonly (readonly [protocol: RegExp, frames: number])[] = [
  [/^\/ipfs\/id\//, Number.POSITIVE_INFINITY],
  [/\/kad\/1\.0\.0$/, Number.POSITIVE_INFINITY],
  [/^\/libp2p\/(autonat|dcutr)/, Number.POSITIVE_INFINITY],
  [/^\/libp2p\/circuit\//, 1],
]

export interface LengthGuardOptions {
  /** Whether a line of the negotiation is the last one: something else follows it. */
  isLast(line: string): boolean
}

/** Follows what comes on a stream as far as libp2p reads it by lengths: a negotiation, and frames of its own services. */
export class LengthGuard {
  readonly #isLast: LengthGuardOptions['isLast']
  #phase: 'lines' | 'frames' | 'over' = 'lines'
  #lines = 0
  #framesLeft = 0
  /** Of the length that is being read. */
  #lengthBytes = 0
  #length = 0
  /** Of the frame whose length is known; undefined while that is read. */
  #bytesLeft: number | undefined
  #line: number[] = []

  constructor({ isLast }: LengthGuardOptions) {
    this.#isLast = isLast
  }

  /** Anything may follow now. */
  get isOver(): boolean {
    return this.#phase === 'over'
  }

  /** Takes what came next; false where nobody may read on. */
  push(bytes: Uint8Array): boolean {
    let at = 0
    while (at < bytes.byteLength && !this.isOver) {
      if (this.#bytesLeft === undefined) {
        if (!this.#takeLength(bytes[at] as number)) return false
        at++
      } else {
        const part = bytes.subarray(at, at + this.#bytesLeft)
        if (this.#phase === 'lines') this.#line.push(...part)
        this.#bytesLeft -= part.byteLength
        at += part.byteLength
      }
      if (this.#bytesLeft === 0 && !this.#endFrame()) return false
    }
    return true
  }

  /** False where the length is none, or too much. */
  #takeLength(byte: number): boolean {
    const isLine = this.#phase === 'lines'
    this.#length += (byte & 0x7f) << (7 * this.#lengthBytes)
    this.#lengthBytes++
    if (byte >= 0x80) return this.#lengthBytes < (isLine ? MAX_LINE_LENGTH_BYTES : MAX_LENGTH_BYTES)
    if (isLine && this.#length > MAX_LINE_BYTES) return false
    this.#bytesLeft = this.#length
    this.#length = 0
    this.#lengthBytes = 0
    return true
  }

  #endFrame(): boolean {
    this.#bytesLeft = undefined
    if (this.#phase === 'frames') {
      this.#framesLeft--
      if (this.#framesLeft === 0) this.#phase = 'over'
      return true
    }
    const line = Buffer.from(this.#line).toString().trimEnd()
    this.#line = []
    this.#lines++
    if (this.#isLast(line)) {
      this.#framesLeft = FRAMES.find(([protocol]) => protocol.test(line))?.[1] ?? 0
      this.#phase = this.#framesLeft === 0 ? 'over' : 'frames'
      return true
    }
    return this.#lines < MAX_LINES
  }
}

/** What of a stream isn't public: where what came goes in, and what nobody has read of it. */
interface StreamInside {
  readonly readBuffer: Uint8ArrayList
  onData(data: Uint8Array | Uint8ArrayList): void
}

/** Cuts `stream` off where it sends a length that libp2p must not read. */
function guardLengths(stream: MessageStream, options: LengthGuardOptions): void {
  const inside = stream as unknown as StreamInside
  const admits = admission(stream, options)
  if (!admits(inside.readBuffer)) return
  const onData = inside.onData.bind(stream)
  // It stays, as others may have put theirs around it.
  inside.onData = data => {
    if (admits(data)) onData(data)
  }
}

/** The same for a raw connection. A door may take it, with what came, before libp2p is shown any of it. */
function guardRaw(raw: MessageStream, options: LengthGuardOptions): void {
  const admits = admission(raw, options)
  const dispatch = raw.dispatchEvent.bind(raw)
  raw.dispatchEvent = event => {
    const isRefused = event.type === 'message' && !admits((event as StreamMessageEvent).data)
    return isRefused ? false : dispatch(event)
  }
}

/** False from what must not be read on: the stream is reset then. */
function admission(
  stream: MessageStream,
  options: LengthGuardOptions,
): (data: Uint8Array | Uint8ArrayList) => boolean {
  const guard = new LengthGuard(options)
  let isCut = false
  return data => {
    if (isCut || guard.isOver) return !isCut
    // There may be more than one copy of the list's package.
    for (const part of data instanceof Uint8Array ? [data] : data) isCut ||= !guard.push(part)
    if (isCut) stream.abort(new ProtocolError('A length that does not end, or too many lines'))
    return !isCut
  }
}

/** Of who answers: it names one of `asked`. Whatever else it says, libp2p asks for the next one, and reads on. */
export function answers(asked: () => Iterable<string>): LengthGuardOptions {
  return { isLast: line => line !== MULTISTREAM && [...asked()].includes(line) }
}

/** Of who answers on `stream`, by what is asked on it from now on. */
function answersOn(stream: MessageStream): LengthGuardOptions {
  let sent: Uint8Array | undefined = new Uint8Array()
  const send = stream.send.bind(stream)
  // It stays, as others may have put theirs around it.
  stream.send = data => {
    if (sent && sent.byteLength <= MAX_LINES * MAX_LINE_BYTES) sent = Buffer.concat([sent, data.subarray()])
    return send(data)
  }
  const { isLast } = answers(() => linesIn(sent ?? new Uint8Array()))
  return {
    isLast(line) {
      const isAnswered = isLast(line)
      if (isAnswered) sent = undefined
      return isAnswered
    },
  }
}

function* linesIn(bytes: Uint8Array): Generator<string> {
  for (let at = 0; at < bytes.byteLength; ) {
    const length = varint.decode(bytes, at)
    at += varint.encodingLength(length)
    yield Buffer.from(bytes.subarray(at, at + length))
      .toString()
      .trimEnd()
    at += length
  }
}

/** Of who asks for one of `known` after the other. */
export function questions(known: () => Iterable<string>): LengthGuardOptions {
  return { isLast: line => [...known()].includes(line) }
}

/**
 * A transport on whose connections the negotiation of how to encrypt is followed. In a private network what comes is hidden, and
 * whoever has its key is trusted that far.
 */
export function guardedTransport<
  C extends { readonly upgrader: Upgrader; readonly connectionProtector?: unknown },
>(create: (components: C) => Transport): (components: C) => Transport {
  return components => {
    const transport = create(components)
    if (components.connectionProtector !== undefined) return transport
    const encrypters = (): Iterable<string> => components.upgrader.getConnectionEncrypters().keys()
    const guarded = (upgrader: Upgrader): Upgrader => {
      const upgradeInbound: Upgrader['upgradeInbound'] = (raw, options) => {
        guardRaw(raw, questions(encrypters))
        return upgrader.upgradeInbound(raw, options)
      }
      const upgradeOutbound: Upgrader['upgradeOutbound'] = (raw, options) => {
        guardRaw(raw, answersOn(raw))
        return upgrader.upgradeOutbound(raw, options)
      }
      return Object.create(upgrader, {
        upgradeInbound: { value: upgradeInbound },
        upgradeOutbound: { value: upgradeOutbound },
      })
    }
    const dial = transport.dial.bind(transport)
    transport.dial = (address, options) => dial(address, { ...options, upgrader: guarded(options.upgrader) })
    const createListener = transport.createListener.bind(transport)
    transport.createListener = options => createListener({ ...options, upgrader: guarded(options.upgrader) })
    return transport
  }
}

/** An encrypter on whose connections the negotiation of the muxer is followed, where there is one. */
export function guardedEncrypter<C extends { readonly upgrader: Upgrader }>(
  create: (components: C) => ConnectionEncrypter,
): (components: C) => ConnectionEncrypter {
  return components => {
    const encrypter = create(components)
    const muxers = (): Iterable<string> => components.upgrader.getStreamMuxers().keys()
    const secureInbound = encrypter.secureInbound.bind(encrypter)
    const secureOutbound = encrypter.secureOutbound.bind(encrypter)
    encrypter.secureInbound = async (connection, options) => {
      const secured = await secureInbound(connection, options)
      if (!secured.streamMuxer) guardLengths(secured.connection, questions(muxers))
      return secured
    }
    encrypter.secureOutbound = async (connection, options) => {
      const secured = await secureOutbound(connection, options)
      if (!secured.streamMuxer) guardLengths(secured.connection, answersOn(secured.connection))
      return secured
    }
    return encrypter
  }
}

/** What of muxers isn't public: where streams are made, either side's. */
interface MuxerInside {
  _newStream(...given: unknown[]): MessageStream
}

/** A muxer on whose streams the negotiation of the protocol is followed, and messages of libp2p's services. */
export function guardedMuxer<C extends { readonly registrar: { getProtocols(): string[] } }>(
  create: (components: C) => StreamMuxerFactory,
): (components: C) => StreamMuxerFactory {
  return components => {
    const factory = create(components)
    const createMuxer = factory.createStreamMuxer.bind(factory)
    factory.createStreamMuxer = connection => {
      const muxer = createMuxer(connection)
      const inside = muxer as unknown as MuxerInside
      const newStream = inside._newStream.bind(muxer)
      inside._newStream = (...given) => {
        const stream = newStream(...given)
        const asks = stream.direction === 'inbound'
        guardLengths(stream, asks ? questions(() => components.registrar.getProtocols()) : answersOn(stream))
        return stream
      }
      return muxer
    }
    return factory
  }
}
