import type { Attack } from './attack.ts'
import { rawOffender } from './raw-offender.ts'

const PARALLEL = 4
const PER_SECOND = 10
const BURST = 20

export const attack: Attack = {
  name: 'identify flood',
  what: 'Asks who the node is again and again, and pushes who it is itself',
  limit: '10 streams of a service a second, 20 at once; libp2p answers one at a time; pushes are not taken',
  result: 'Reset, and charged as overload',
  verdict: { charged: 'overload', banned: false },
  async run(arena) {
    const { id, muxer } = await rawOffender(arena)
    if (await muxer.open().speak('/ipfs/id/push/1.0.0')) throw new Error('it takes pushes')
    const startedMs = performance.now()
    let answered = 0
    let isOver = false
    const flood = async (): Promise<void> => {
      while (!isOver && !muxer.wire.isGone) {
        const stream = muxer.open()
        try {
          await stream.speak('/ipfs/id/1.0.0')
          await stream.takeMessage()
          answered++
        } catch {
          // Refused.
          await new Promise(setImmediate)
        }
        stream.reset()
      }
    }
    // However slow a busy machine is: sooner or later it was too much.
    const untilCharged = async (): Promise<void> => {
      while (!arena.signal.aborted && (await arena.victim.why(id)).evidence.length === 0) {
        await new Promise(resolve => setTimeout(resolve, 50))
      }
      isOver = true
    }
    await Promise.all([untilCharged(), ...Array.from({ length: PARALLEL }, flood)])
    const allowed = BURST + PER_SECOND * ((performance.now() - startedMs) / 1000 + 1)
    if (answered > allowed) throw new Error(`${answered} were answered, ${allowed} may be`)
  },
}
