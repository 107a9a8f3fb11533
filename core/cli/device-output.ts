import { closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout } from 'node:timers/promises'
import type { TreeEntry } from '../control/tar.ts'
import { printable } from '../printable.ts'
import { differs, taken, writable } from './atomic-output.ts'
import { cliError } from './errors.ts'
import type { WrittenTree } from './tree-writer.ts'

/** Nothing tells when somebody begins to read from a pipe. Short for a person, and long for a processor. */
const READER_CHECK_MS = 50

interface DeviceOptions {
  /** Also a block device, which keeps what is on it until it is written over. */
  readonly force: boolean
  readonly signal: AbortSignal
}

/**
 * Whether `output` is, or is a symlink to, a device or a named pipe: these are written into, and never replaced.
 *
 * @throws SkepError OUTPUT_EXISTS for a block device without `force`
 */
export async function isDevice(output: string, { force }: Pick<DeviceOptions, 'force'>): Promise<boolean> {
  const found = await stat(output).catch(() => undefined)
  if (found?.isBlockDevice() && !force) throw taken(output)
  return found !== undefined && isDeviceKind(found)
}

/**
 * Writes the one file of `entries` into a device or named pipe as it comes, which waits for somebody who reads from the pipe.
 * What was written stays where something fails. Modes and times are not applied.
 *
 * @throws SkepError OUTPUT_TYPE_DIFFERS for anything but a file, OUTPUT_REFUSED, OUTPUT_FAILED, and whatever `entries` throws
 */
export async function writeToDevice(
  entries: AsyncIterable<TreeEntry>,
  output: string,
  options: DeviceOptions,
): Promise<WrittenTree> {
  let bytes: number | undefined
  for await (const entry of entries) {
    if (bytes !== undefined) throw cliError('OUTPUT_REFUSED', 'the node sent more than a file')
    if (entry.type !== 'file') {
      throw differs(output, 'a device or pipe', entry.type === 'directory' ? 'a directory' : 'a symlink')
    }
    const { signal } = options
    await writable(output, async () => {
      const device = await openDevice(output, options)
      await pipeline(entry.bytes(), device, { signal }).catch(error => {
        signal.throwIfAborted()
        throw error
      })
    })
    bytes = entry.size
  }
  if (bytes === undefined) throw cliError('OUTPUT_REFUSED', 'the node sent nothing')
  return { files: 1, bytes }
}

async function openDevice(output: string, { signal }: DeviceOptions): Promise<Writable> {
  if ((await stat(output)).isFIFO()) return openPipe(output, signal)
  const handle = await open(output, constants.O_WRONLY | constants.O_NOCTTY)
  const found = await handle.stat()
  if (isDeviceKind(found)) return handle.createWriteStream({ flush: found.isBlockDevice() })
  await handle.close()
  throw changed(output)
}

/** An open that waits for a reader would hold a thread, and with it the end of the process: it is tried again instead. */
async function openPipe(output: string, signal: AbortSignal): Promise<Writable> {
  for (;;) {
    try {
      const fd = openSync(output, constants.O_WRONLY | constants.O_NONBLOCK)
      if (fstatSync(fd).isFIFO()) return new Socket({ fd, readable: false, writable: true })
      closeSync(fd)
      throw changed(output)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error
    }
    await setTimeout(READER_CHECK_MS, undefined, { signal }).catch(() => signal.throwIfAborted())
  }
}

function isDeviceKind(stats: Stats): boolean {
  return stats.isFIFO() || stats.isCharacterDevice() || stats.isBlockDevice()
}

function changed(output: string): Error {
  return cliError('OUTPUT_FAILED', `${printable(output)} became something else while it was opened`)
}
