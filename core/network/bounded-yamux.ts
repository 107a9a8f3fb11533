import { type YamuxMuxerInit, yamux } from '@chainsafe/libp2p-yamux'
import { type MessageStream, ProtocolError, type StreamMuxerFactory } from '@libp2p/interface'
import type { Uint8ArrayList } from 'uint8arraylist'
import { fullBucket, type Rate, takeToken } from './token-bucket.ts'

/** What of the muxer isn't public: the frame it is still waiting for the rest of. */
interface YamuxInside {
  readonly decoder: { readonly buffer: Uint8ArrayList }
  handlePing(header: object): void
}

/** Each ping is answered: with others of a connection alive once a minute, more than a few a second are no question. */
const PINGS: Rate = { perSecond: 5, burst: 50 }

/**
 * Yamux that ends a connection whose peer announces a frame larger than any window lets it send, or asks all the time whether
 * it is there. The muxer itself checks only once it has the whole frame in memory, and a header can announce 4 GiB.
 */
export function boundedYamux(init: YamuxMuxerInit & { maxFrameBytes: number }): () => StreamMuxerFactory {
  const { maxFrameBytes, ...rest } = init
  const create = yamux(rest)
  return () => {
    const factory = create()
    const createMuxer = factory.createStreamMuxer.bind(factory)
    factory.createStreamMuxer = (connection: MessageStream) => {
      const muxer = createMuxer(connection)
      const inside = muxer as unknown as YamuxInside
      const { decoder } = inside
      const handlePing = inside.handlePing.bind(muxer)
      let pings = fullBucket(PINGS, performance.now())
      inside.handlePing = header => {
        const left = takeToken(pings, PINGS, performance.now())
        if (!left) throw new ProtocolError('Too many pings')
        pings = left
        handlePing(header)
      }
      const onData = muxer.onData.bind(muxer)
      muxer.onData = data => {
        onData(data)
        const waiting = decoder.buffer.byteLength
        if (waiting > maxFrameBytes) throw new ProtocolError(`Frame of more than ${maxFrameBytes} bytes`)
      }
      return muxer
    }
    return factory
  }
}
