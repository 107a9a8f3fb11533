import { readFile } from 'node:fs/promises'
import { availableParallelism, totalmem } from 'node:os'
import { dirname, join } from 'node:path'

/** What this process may use of the machine it runs on, limits of containers and services counted. */
export interface Machine {
  readonly memoryBytes: number
  /** May be a fraction where a CPU quota is. */
  readonly cores: number
  /** What sets `memoryBytes`. */
  readonly memorySource: 'machine' | 'cgroup v1' | 'cgroup v2'
}

export interface ProbeOptions {
  /** The directory that holds `proc` and `sys`. Default: `/`. */
  readonly root?: string
  /** Cores that this process may run on. Default: what the system says. */
  readonly cores?: number
}

/** A hierarchy of cgroups, and where this process is in it. */
interface Hierarchy {
  readonly mount: string
  readonly path: string
}

/**
 * Asks `/proc` and `/sys/fs/cgroup`. A limit counts wherever between this process's cgroup and the root it is set
 * (https://docs.kernel.org/admin-guide/cgroup-v2.html). Where there are no such files, the system's own figures stand.
 */
export async function probeMachine({
  root = '/',
  cores = availableParallelism(),
}: ProbeOptions = {}): Promise<Machine> {
  const memory = await installedMemory(root)
  const [memoryV2, memoryV1, quotaV2, quotaV1] = await Promise.all([
    smallestLimit(await hierarchyV2(root), directory => readNumber(join(directory, 'memory.max'))),
    smallestLimit(await hierarchyV1(root, 'memory'), directory =>
      readNumber(join(directory, 'memory.limit_in_bytes')),
    ),
    smallestLimit(await hierarchyV2(root), readQuotaV2),
    smallestLimit(await hierarchyV1(root, 'cpu'), readQuotaV1),
  ])
  const memoryBytes = Math.min(memory, memoryV2, memoryV1)
  return {
    memoryBytes,
    cores: Math.min(cores, quotaV2, quotaV1),
    memorySource: memoryBytes === memory ? 'machine' : memoryBytes === memoryV2 ? 'cgroup v2' : 'cgroup v1',
  }
}

async function installedMemory(root: string): Promise<number> {
  const [, kibibytes] = /^MemTotal:\s+(\d+) kB/m.exec(await readText(join(root, 'proc/meminfo'))) ?? []
  return kibibytes === undefined ? totalmem() : Number(kibibytes) * 1024
}

async function hierarchyV2(root: string): Promise<Hierarchy> {
  const [, path = '/'] = /^0::(.*)$/m.exec(await readText(join(root, 'proc/self/cgroup'))) ?? []
  return { mount: join(root, 'sys/fs/cgroup'), path }
}

async function hierarchyV1(root: string, controller: string): Promise<Hierarchy> {
  const lines = (await readText(join(root, 'proc/self/cgroup'))).split('\n')
  const mine = lines
    .map(line => /^\d+:([^:]+):(.*)$/.exec(line))
    .find(match => match?.[1]?.split(',').includes(controller))
  return { mount: join(root, 'sys/fs/cgroup', controller), path: mine?.[2] ?? '/' }
}

/** The least of the limits from the process's own cgroup up to the mount; Infinity where none is set. */
async function smallestLimit(
  { mount, path }: Hierarchy,
  read: (directory: string) => Promise<number>,
): Promise<number> {
  const limits: Promise<number>[] = []
  // Seen from a namespace the path may lead out of the mount: `join` keeps it within.
  for (let at = join('/', path); ; at = dirname(at)) {
    limits.push(read(join(mount, at)))
    if (at === '/') break
  }
  return Math.min(...(await Promise.all(limits)))
}

/** `50000 100000`: microseconds of CPU in each period; `max 100000` where there is no limit. */
async function readQuotaV2(directory: string): Promise<number> {
  const [quota, period] = (await readText(join(directory, 'cpu.max'))).split(' ').map(Number)
  return quotaOf(quota, period)
}

async function readQuotaV1(directory: string): Promise<number> {
  const [quota, period] = await Promise.all([
    readNumber(join(directory, 'cpu.cfs_quota_us')),
    readNumber(join(directory, 'cpu.cfs_period_us')),
  ])
  return quotaOf(quota, period)
}

function quotaOf(quota = Infinity, period = Infinity): number {
  return quota > 0 && period > 0 && Number.isFinite(quota) && Number.isFinite(period)
    ? quota / period
    : Infinity
}

/** Infinity for `max` and for a file that isn't there. */
async function readNumber(file: string): Promise<number> {
  const text = (await readText(file)).trim()
  return /^-?\d+$/.test(text) ? Number(text) : Infinity
}

/** Empty where there is no such file: which of them exist is what tells systems apart. */
async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '')
}
