import { eventually } from '../../helpers/eventually.ts'
import type { Arena } from './arena.ts'
import type { Attack } from './attack.ts'
import { protocolsOf, rawOffender } from './raw-offender.ts'

const FLOOD_MS = 2000
/** More than any protocol of ours may have open, and with those of all of them fewer than a peer may have. */
const BURST = 20

export const attack: Attack = {
  name: 'stream flood',
  what: 'Opens streams of every protocol of the table, one after the other and all at once, as fast as they are answered',
  limit: '`maxStreamsPerPeer` and `streamsPerSecond` of each protocol',
  result: 'Reset, and charged as overload: who goes on for minutes is banned',
  verdict: { charged: 'overload', banned: false },
  async run(arena) {
    const { muxer } = await rawOffender(arena)
    const protocols = (await protocolsOf(muxer)).filter(id => id.startsWith('/skep/'))
    if (protocols.length === 0) throw new Error('it speaks no protocol')
    const open = (id: string) =>
      Array.from({ length: BURST }, () => {
        const stream = muxer.open()
        stream.ask(id)
        return stream
      })
    for (const id of protocols) {
      const before = await refusedOf(arena, id)
      const streams = open(id)
      // Of its own row: what a peer may have of all together is another limit.
      await eventually(
        `streams of ${id} refused`,
        async () => (await refusedOf(arena, id)) > before || undefined,
      )
      for (const stream of streams) stream.reset()
    }
    const endMs = performance.now() + FLOOD_MS
    while (performance.now() < endMs && !muxer.wire.isGone) {
      const streams = protocols.flatMap(open)
      await Promise.race([
        Promise.all(streams.slice(-BURST).map(({ gone }) => gone)),
        new Promise(resolve => setTimeout(resolve, 100)),
      ])
      for (const stream of streams) stream.reset()
    }
  },
}

/** Streams of a protocol that were refused so far, whatever the reason. */
async function refusedOf({ victim }: Arena, protocol: string): Promise<number> {
  let refused = 0
  for (const [name, count] of await victim.metrics())
    if (name.startsWith(`skep_network_refused_streams_total{protocol="${protocol}"`)) refused += count
  return refused
}
