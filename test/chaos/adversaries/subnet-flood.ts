import type { Attack } from './attack.ts'
import { enters } from './connection-flood.ts'
import { hostOf, INTERNET, placeFrom } from './internet-host.ts'

const FLOOD_MS = 2000
const HOSTS = 100
const PARALLEL = 32
/** `network.maxInboundPerSubnet` of the profile pi-zero. */
const PER_SECOND = 10

export const attack: Attack = {
  name: 'connection flood of a network',
  what: `${HOSTS} hosts of one network of the internet connect again and again, each slowly enough for itself`,
  limit: '`network.maxInboundPerSubnet`: a /24 of IPv4, a /56 of IPv6, together',
  result: 'Refused at once; hosts of other networks are let in',
  verdict: { refused: 'skep_network_refused_connections_total{reason="rate"}' },
  async run(arena) {
    const [flooders, others] = INTERNET
    const startedMs = performance.now()
    let tried = 0
    let entered = 0
    const flood = async (): Promise<void> => {
      while (performance.now() < startedMs + FLOOD_MS) {
        const host = hostOf(flooders, 1 + (tried++ % HOSTS))
        if (await enters(placeFrom(arena, host))) entered++
      }
    }
    await Promise.all(Array.from({ length: PARALLEL }, flood))
    const allowed = PER_SECOND * ((performance.now() - startedMs) / 1000 + 1)
    if (entered > allowed) throw new Error(`${entered} of ${tried} got in, ${allowed} may`)
    if (tried < 2 * allowed) throw new Error(`${tried} connections are no flood`)
    if (!(await enters(placeFrom(arena, hostOf(others, 1))))) throw new Error('another network is kept out')
  },
}
