import type { NetworkInterfaceInfo } from 'node:os'

export type NetworkChange = 'interfaces' | 'resumed'

/** A pause between two looks that is longer by so much was sleep: no load keeps a process from running for as long. */
export const SLEPT_MS = 20_000

export interface InterfaceWatchDependencies {
  /** As `os.networkInterfaces()` gives them: those that are up and have a carrier. */
  interfaces(): Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>
  /** Monotonic. It stands still while a machine sleeps, and runs on while only the process is frozen. */
  nowMs(): number
  /** Wall clock. It runs on while a machine sleeps; a board that hears the time for the first time leaps, too. */
  wallMs(): number
}

/** Sees that the machine's networks have changed, or that it slept, by looking now and then. */
export class InterfaceWatch {
  readonly #periodMs: number
  readonly #deps: InterfaceWatchDependencies
  #last: { readonly interfaces: string; readonly nowMs: number; readonly wallMs: number } | undefined

  /** `periodMs`: how often {@link look} is called. */
  constructor({ periodMs }: { readonly periodMs: number }, deps: InterfaceWatchDependencies) {
    this.#periodMs = periodMs
    this.#deps = deps
  }

  /** What has changed since the last look. After sleep all is in doubt, so that counts more. */
  look(): NetworkChange | undefined {
    const { interfaces, nowMs, wallMs } = this.#deps
    const last = this.#last
    const current = { interfaces: fingerprint(interfaces()), nowMs: nowMs(), wallMs: wallMs() }
    this.#last = current
    if (!last) return undefined
    const passedMs = Math.max(current.nowMs - last.nowMs, current.wallMs - last.wallMs)
    if (passedMs >= this.#periodMs + SLEPT_MS) return 'resumed'
    return current.interfaces === last.interfaces ? undefined : 'interfaces'
  }
}

/** Every address of the outer interfaces, in any order. */
function fingerprint(interfaces: ReturnType<InterfaceWatchDependencies['interfaces']>): string {
  const addresses = Object.entries(interfaces).flatMap(([name, infos = []]) =>
    infos.filter(({ internal }) => !internal).map(({ cidr, address }) => `${name} ${cidr ?? address}`),
  )
  return addresses.sort().join('\n')
}
