import { type YamuxMuxerInit, yamux } from '@chainsafe/libp2p-yamux'
import { type MessageStream, ProtocolError, type StreamMuxerFactory } from '@libp2p/interface'
import type { Uint8ArrayList } from 'uint8arraylist'

/** What of the muxer isn't public: the frame it is still waiting for the rest of. */
interface YamuxInside {
  readonly decoder: { readonly buffer: Uint8ArrayList }
}

/**
 * Yamux that ends a connection whose peer announces a frame larger than any window lets it send. The muxer itself checks
 * only once it has the whole frame in memory, and a header can announce 4 GiB.
 */
export function boundedYamux(init: YamuxMuxerInit & { maxFrameBytes: number }): () => StreamMuxerFactory {
  const { maxFrameBytes, ...rest } = init
  const create = yamux(rest)
  return () => {
    const factory = create()
    const createMuxer = factory.createStreamMuxer.bind(factory)
    factory.createStreamMuxer = (connection: MessageStream) => {
      const muxer = createMuxer(connection)
      const { decoder } = muxer as unknown as YamuxInside
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
