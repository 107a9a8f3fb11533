import { closeSync, fstatSync, openSync, readdirSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Random } from '../crash/random.ts'

/** What the bits are of. */
export const PARTS = ['payload', 'index', 'vault'] as const
export type Part = (typeof PARTS)[number]

/** The files of a store that have a part of it. */
function filesOf(part: Part, directory: string): string[] {
  if (part !== 'payload') return [join(directory, part, 'data.mdb')]
  const segments = join(directory, 'segments')
  return readdirSync(segments)
    .sort()
    .map(name => join(segments, name))
}

/** Turns `count` bits of a part of a store, anywhere in its files. */
export function flipBits(part: Part, directory: string, count: number, random: Random): void {
  const files = filesOf(part, directory).map(path => {
    const file = openSync(path, 'r+')
    return { file, bytes: fstatSync(file).size }
  })
  const totalBytes = files.reduce((sum, { bytes }) => sum + bytes, 0)
  for (let i = 0; i < count; i++) {
    let at = random.below(totalBytes)
    for (const { file, bytes } of files) {
      if (at < bytes) {
        const byte = Buffer.alloc(1)
        readSync(file, byte, 0, 1, at)
        byte[0] = (byte[0] ?? 0) ^ (1 << random.below(8))
        writeSync(file, byte, 0, 1, at)
        break
      }
      at -= bytes
    }
  }
  for (const { file } of files) closeSync(file)
}
