import { setTimeout as wait } from 'node:timers/promises'
import { connectRaw, knockForNoise, knockForTls } from '../../helpers/raw/raw-peer.ts'
import { knock, type Place, type Wire } from '../../helpers/raw/wire.ts'
import type { Attack } from './attack.ts'
import { kept, placeOf, within } from './raw-offender.ts'

/** Several times what may be under way at once. */
const CONNECTIONS = 300
/** A whole household of infected boards. */
const HOSTS = 6
/** One that means well tries again for so long at the most. */
const HONEST_LIMIT_MS = 5000

/** How far a handshake goes before nothing more comes. */
const STOPS: readonly ((place: Place) => Promise<Wire>)[] = [knock, knockForTls, knockForNoise]

export const attack: Attack = {
  name: 'half-open handshakes',
  what: `Begins ${CONNECTIONS} handshakes from ${HOSTS} hosts, stops in each at another step, and begins anew what is cut`,
  limit:
    'Eight handshakes at a time (a quarter of the connections), ten seconds each; where it is full the host with most loses its oldest',
  result: 'Cut off; a peer that means well gets in meanwhile',
  verdict: { harmless: true },
  async run(arena) {
    let isOver = false
    const hosts = Array.from({ length: HOSTS }, () => placeOf(arena))
    const hold = async (place: Place, stop: (place: Place) => Promise<Wire>): Promise<void> => {
      while (!isOver) {
        const wire = await stop(place).catch(() => undefined)
        if (wire) await kept(arena, wire).gone
        // A refusal comes at once.
        await wait(50)
      }
    }
    arena.teardown(() => {
      isOver = true
    })
    for (let at = 0; at < CONNECTIONS; at++)
      void hold(hosts[at % HOSTS] as Place, STOPS[at % STOPS.length] ?? knock)
    for (let times = 0; times < 3; times++) {
      await within('somebody honest gets in', HONEST_LIMIT_MS, knockUntilIn(arena.signal, placeOf(arena)))
    }
  },
}

/** As a peer that was refused does: tries again after a while. */
async function knockUntilIn(signal: AbortSignal, place: Place): Promise<void> {
  for (;;) {
    signal.throwIfAborted()
    const muxer = await connectRaw(place).catch(() => undefined)
    if (!muxer) {
      await wait(500)
      continue
    }
    const stream = muxer.open()
    const isIn = await stream.speak('/ipfs/id/1.0.0').catch(() => false)
    muxer.wire.destroy()
    if (isIn) return
  }
}
