import type { Attack } from './attack.ts'
import { rawOffender } from './raw-offender.ts'

const FLOOD_MS = 2000
const PARALLEL = 8
const PER_SECOND = 10

export const attack: Attack = {
  name: 'identify flood',
  what: 'Asks who the node is again and again, and pushes who it is itself',
  limit: '10 streams of a service a second, 16 at a time; pushes are not taken',
  result: 'Reset, and charged as overload',
  verdict: { charged: 'overload', banned: false },
  async run(arena) {
    const { muxer } = await rawOffender(arena)
    if (await muxer.open().speak('/ipfs/id/push/1.0.0')) throw new Error('it takes pushes')
    const endMs = performance.now() + FLOOD_MS
    let asked = 0
    let answered = 0
    const flood = async (): Promise<void> => {
      while (performance.now() < endMs && !muxer.wire.isGone) {
        asked++
        const stream = muxer.open()
        try {
          await stream.speak('/ipfs/id/1.0.0')
          await stream.takeMessage()
          answered++
          stream.reset()
        } catch {
          // Refused.
          await new Promise(setImmediate)
        }
      }
    }
    await Promise.all(Array.from({ length: PARALLEL }, flood))
    const allowed = PER_SECOND * (FLOOD_MS / 1000 + 2)
    if (answered > allowed) throw new Error(`${answered} of ${asked} were answered, ${allowed} may be`)
  },
}
