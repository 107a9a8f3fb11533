import type { Machine } from '../resources/probe.ts'

/** Sets of budgets, smallest first, each a file in `config/profiles/`. */
export const PROFILES = ['pi-zero', 'pi-4', 'pi-5', 'server'] as const
export type Profile = (typeof PROFILES)[number]

interface Minimum {
  readonly profile: Profile
  readonly memoryBytes: number
  readonly cores: number
}

const GiB = 1024 ** 3

/**
 * Largest first. A board reports less memory than it is sold with (firmware and kernel take a part), hence the halves: what is
 * sold as 2, 4 and 8 GB.
 */
const MINIMUMS: readonly Minimum[] = [
  { profile: 'server', memoryBytes: 7.5 * GiB, cores: 6 },
  { profile: 'pi-5', memoryBytes: 3.5 * GiB, cores: 2 },
  { profile: 'pi-4', memoryBytes: 1.5 * GiB, cores: 1 },
]

/** The largest profile whose needs `machine` meets. */
export function pickProfile(machine: Pick<Machine, 'memoryBytes' | 'cores'>): Profile {
  const fits = ({ memoryBytes, cores }: Minimum): boolean =>
    machine.memoryBytes >= memoryBytes && machine.cores >= cores
  return MINIMUMS.find(fits)?.profile ?? 'pi-zero'
}
