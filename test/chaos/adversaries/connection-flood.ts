import type { Place } from '../../helpers/raw/wire.ts'
import { knock } from '../../helpers/raw/wire.ts'
import type { Attack } from './attack.ts'
import { placeOf } from './raw-offender.ts'

const FLOOD_MS = 2000
const PARALLEL = 32
/** `network.maxInboundPerSecond` of the profile pi-zero, and one more where seconds begin otherwise. */
const PER_SECOND = 3

export const attack: Attack = {
  name: 'connection flood',
  what: `One host connects again and again, ${PARALLEL} at a time, with a new identity each`,
  limit: '`network.maxInboundPerSecond`, before anything is read',
  result: 'Refused at once; other hosts are let in',
  verdict: { harmless: true },
  async run(arena) {
    const place = placeOf(arena)
    const endMs = performance.now() + FLOOD_MS
    let tried = 0
    let entered = 0
    const flood = async (): Promise<void> => {
      while (performance.now() < endMs) {
        tried++
        if (await enters(place)) entered++
      }
    }
    await Promise.all(Array.from({ length: PARALLEL }, flood))
    const allowed = PER_SECOND * (FLOOD_MS / 1000 + 1)
    if (entered > allowed) throw new Error(`${entered} of ${tried} got in, ${allowed} may`)
    if (tried < 10 * allowed) throw new Error(`${tried} connections are no flood`)
    if (!(await enters(placeOf(arena)))) throw new Error('another host is kept out')
  },
}

/** Whether the other side takes up the handshake. */
export async function enters(place: Place): Promise<boolean> {
  const wire = await knock(place).catch(() => undefined)
  if (!wire) return false
  try {
    wire.send(Buffer.from('\x13/multistream/1.0.0\n'))
    await wire.takeMessage()
    return true
  } catch {
    return false
  } finally {
    wire.destroy()
  }
}
