import type { NetworkInterfaceInfo } from 'node:os'
import type { Surroundings } from '../../../core/network/surroundings.ts'

/** Time and a machine that a test moves by hand: the network looks after itself when it is told to. */
export class Beats {
  readonly surroundings: Surroundings
  nowMs = 1_000_000
  wallMs = Date.parse('2026-01-01')
  addresses: string[] = ['192.168.1.7/24']
  readonly #run = new Set<() => void>()

  constructor() {
    this.surroundings = {
      nowMs: () => this.nowMs,
      wallMs: () => this.wallMs,
      interfaces: () => ({ eth0: this.addresses.map(infoOf), lo: [infoOf('127.0.0.1/8')] }),
      every: (_periodMs, run) => {
        this.#run.add(run)
        return () => void this.#run.delete(run)
      },
    }
  }

  /** How many wait for the next beat. */
  get watched(): number {
    return this.#run.size
  }

  /** Both clocks go on. */
  pass(ms: number): void {
    this.nowMs += ms
    this.wallMs += ms
  }

  beat(): void {
    for (const run of this.#run) run()
  }
}

export function infoOf(cidr: string): NetworkInterfaceInfo {
  const [address = ''] = cidr.split('/')
  const internal = address.startsWith('127.')
  return { address, cidr, internal, family: 'IPv4', mac: '00:00:00:00:00:00', netmask: '255.255.255.0' }
}
