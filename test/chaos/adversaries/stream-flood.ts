import type { Attack } from './attack.ts'
import { protocolsOf, rawOffender } from './raw-offender.ts'

const FLOOD_MS = 2000
const BURST = 20

export const attack: Attack = {
  name: 'stream flood',
  what: 'Opens streams of every protocol of the table, as fast as they are answered',
  limit: '`maxStreamsPerPeer` and `streamsPerSecond` of each protocol',
  result: 'Reset, and charged as overload: who goes on for minutes is banned',
  verdict: { charged: 'overload', banned: false },
  async run(arena) {
    const { muxer } = await rawOffender(arena)
    const protocols = (await protocolsOf(muxer)).filter(id => id.startsWith('/skep/'))
    const endMs = performance.now() + FLOOD_MS
    while (performance.now() < endMs && !muxer.wire.isGone) {
      const streams = protocols.flatMap(id =>
        Array.from({ length: BURST }, () => {
          const stream = muxer.open()
          stream.ask(id)
          return stream
        }),
      )
      await Promise.race([
        Promise.all(streams.slice(-BURST).map(({ gone }) => gone)),
        new Promise(resolve => setTimeout(resolve, 100)),
      ])
      for (const stream of streams) stream.reset()
    }
  },
}
