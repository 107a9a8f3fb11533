import { existsSync, readFileSync } from 'node:fs'
import { realpath, stat, statfs } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { WriteCounters } from './wear.ts'

export interface MediumOptions {
  /** The directory that holds `proc` and `sys`. Default: `/`. */
  readonly root?: string
}

/** What a directory lies on, and the files that count what is written to it. */
export interface Medium {
  /** The whole disk, such as `mmcblk0`; undefined where the file system has no block device of its own. */
  readonly device: string | undefined
  /** Of the disk; of the file system where the disk is unknown. */
  readonly capacityBytes: number
  /** Now. Files that are gone, or say something else, leave their source out. Reads memory of the kernel, no disk. */
  read(): MediumCounters
}

export interface MediumCounters extends WriteCounters {
  /** What this process handed to `write` calls, sockets included: no source can truly have more of ours. */
  readonly wchar?: number
}

/** Sectors of `stat` and `size` are of 512 bytes, whatever the disk has: https://docs.kernel.org/block/stat.html */
const SECTOR_BYTES = 512
/** Position of "write sectors" in `stat`. */
const SECTORS_WRITTEN = 6

/** @throws what `stat` of a directory that isn't there throws */
export async function findMedium(directory: string, { root = '/' }: MediumOptions = {}): Promise<Medium> {
  const disk = await diskOf(directory, root)
  const number = disk && readText(join(disk, 'dev')).trim()
  const cgroup = number ? cgroupCounter(root, number) : undefined
  const { blocks, bsize } = await statfs(directory)
  return {
    device: disk && basename(disk),
    capacityBytes: (disk && readNumber(join(disk, 'size'), SECTOR_BYTES)) || blocks * bsize,
    read: () => ({ ...cgroup?.(), ...(disk && deviceCounter(disk)), ...processCounters(root) }),
  }
}

/** The directory of the whole disk in `/sys`. */
async function diskOf(directory: string, root: string): Promise<string | undefined> {
  const { dev } = await stat(directory, { bigint: true })
  // As the C library packs them: makedev(3). File systems without a device (tmpfs, overlay, btrfs) have major number 0.
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn)
  const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn)
  const place = await realpath(join(root, 'sys/dev/block', `${major}:${minor}`)).catch(() => undefined)
  return place && existsSync(join(place, 'partition')) ? dirname(place) : place
}

function deviceCounter(disk: string): WriteCounters {
  const sectors = Number(readText(join(disk, 'stat')).trim().split(/\s+/)[SECTORS_WRITTEN] ?? Number.NaN)
  return Number.isFinite(sectors) ? { device: sectors * SECTOR_BYTES } : {}
}

/**
 * Of the group that this process is in, unless that is the root of all: then it would count the whole machine. Looked for
 * once: a service stays in its group.
 */
function cgroupCounter(root: string, number: string): (() => WriteCounters) | undefined {
  const groups = readText(join(root, 'proc/self/cgroup'))
  const mount = join(root, 'sys/fs/cgroup')
  const [, pathV2] = /^0::(.*)$/m.exec(groups) ?? []
  // Seen from a namespace the path may lead out of the mount: `join` keeps it within.
  const ownV2 = pathV2 === undefined ? undefined : join(mount, join('/', pathV2))
  if (ownV2 && existsSync(join(ownV2, 'cgroup.events')) && existsSync(join(ownV2, 'io.stat'))) {
    return () => v2Counter(readText(join(ownV2, 'io.stat')), number)
  }
  const [, pathV1] = /^\d+:(?:[^:]+,)?blkio(?:,[^:]+)?:(.*)$/m.exec(groups) ?? []
  const file = join(mount, 'blkio', join('/', pathV1 ?? '/'), 'blkio.throttle.io_service_bytes')
  if (pathV1 === undefined || pathV1 === '/' || !existsSync(file)) return undefined
  return () => v1Counter(readText(file), number)
}

/** `179:0 rbytes=1 wbytes=2 …`, a line for each disk that the group has used. */
function v2Counter(text: string, number: string): WriteCounters {
  const line = text.split('\n').find(line => line.startsWith(`${number} `))
  return { cgroup: Number(/ wbytes=(\d+)/.exec(line ?? '')?.[1] ?? 0) }
}

/** `179:0 Write 2`. */
function v1Counter(text: string, number: string): WriteCounters {
  const line = text.split('\n').find(line => line.startsWith(`${number} Write `))
  return { cgroup: Number(line?.split(' ')[2] ?? 0) }
}

/** proc(5). Pages that were dropped before they were written back count in `cancelled_write_bytes`. */
function processCounters(root: string): MediumCounters {
  const text = readText(join(root, 'proc/self/io'))
  const field = (name: string): number =>
    Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1] ?? Number.NaN)
  const [written, cancelled, wchar] = ['write_bytes', 'cancelled_write_bytes', 'wchar'].map(field)
  return {
    ...(written !== undefined &&
      cancelled !== undefined &&
      written >= 0 && { process: written - (cancelled || 0) }),
    ...(wchar !== undefined && wchar >= 0 && { wchar }),
  }
}

function readNumber(file: string, factor: number): number | undefined {
  const text = readText(file).trim()
  return /^\d+$/.test(text) ? Number(text) * factor : undefined
}

/** Empty where there is no such file: which of them exist is what tells systems apart. */
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
