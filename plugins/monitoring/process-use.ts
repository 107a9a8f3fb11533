import { readFileSync } from 'node:fs'

/** What the process uses right now. */
export interface ProcessUse {
  readonly residentBytes: number
  /** Undefined where the system doesn't tell: all but Linux. */
  readonly anonymousBytes: number | undefined
  readonly cpuSeconds: number
  readonly loopLagMs: number
}

export function readProcessUse(loopLagMs: number): ProcessUse {
  const { user, system } = process.cpuUsage()
  const status = readStatus()
  return {
    residentBytes: bytesOf(status, 'VmRSS') ?? process.memoryUsage.rss(),
    anonymousBytes: bytesOf(status, 'RssAnon'),
    cpuSeconds: (user + system) / 1e6,
    loopLagMs,
  }
}

/** A field of `/proc/self/status`, which counts in KiB and calls them kB. */
export function bytesOf(status: string, field: string): number | undefined {
  const [, kibibytes] = status.match(new RegExp(`^${field}:\\s*(\\d+) kB$`, 'm')) ?? []
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024
}

/** The kernel makes it up in memory: reading it waits for no disk. */
function readStatus(): string {
  try {
    return readFileSync('/proc/self/status', 'utf8')
  } catch {
    return ''
  }
}
