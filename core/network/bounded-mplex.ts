import { type MessageStream, ProtocolError, type StreamMuxerFactory } from '@libp2p/interface'
import { type MplexInit, mplex } from '@libp2p/mplex'

/**
 * Mplex that ends the connection where it gives up on it: for streams opened too fast, or data of streams that there are none of.
 * libp2p's ends its streams alone, so that the connection would keep its place, and take whatever comes, for as long as its peer likes.
 */
export function boundedMplex(init: MplexInit): () => StreamMuxerFactory {
  const create = mplex(init)
  return () => {
    const factory = create()
    const createMuxer = factory.createStreamMuxer.bind(factory)
    factory.createStreamMuxer = (connection: MessageStream) => {
      const muxer = createMuxer(connection)
      const inside = muxer as unknown as { onData(data: unknown): void }
      const onData = inside.onData.bind(muxer)
      inside.onData = data => {
        onData(data)
        if (muxer.status === 'closed') throw new ProtocolError('Too many streams, or too much data of none')
      }
      return muxer
    }
    return factory
  }
}
