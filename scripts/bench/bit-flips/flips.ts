import {
  closeSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { tableOf } from '../../../core/storage/buckets.ts'
import { walkLmdbFile } from '../../../core/storage/lmdb-file/walk.ts'
import type { Random } from '../crash/random.ts'

/** What the bits are of. */
export const PARTS = ['payload', 'index', 'pins', 'vault'] as const
export type Part = (typeof PARTS)[number]

/** Tables of the index that say what pins hold: few bytes of it, which bits at random seldom hit. */
const PIN_TABLES = ['pin-counts', 'pin-links', 'pin-roots'].map(name => tableOf(name, 'index'))

/** The files of a store that have a part of it. */
function filesOf(part: Exclude<Part, 'pins'>, directory: string): string[] {
  if (part !== 'payload') return [join(directory, part, 'data.mdb')]
  const segments = join(directory, 'segments')
  return readdirSync(segments)
    .sort()
    .map(name => join(segments, name))
}

/** Turns `count` bits of a part of a store, anywhere in it. */
export async function flipBits(part: Part, directory: string, count: number, random: Random): Promise<void> {
  if (part === 'pins') await flipEntries(join(directory, 'index', 'data.mdb'), count, random)
  else flipFiles(part, directory, count, random)
}

/** Turns bits of keys and values of the tables of pins, where they lie on their pages. */
async function flipEntries(path: string, count: number, random: Random): Promise<void> {
  const tables = new Map(PIN_TABLES.map(table => [table, [] as Buffer[]]))
  await walkLmdbFile(path, {
    onEntries(table, found) {
      for (const { key, value } of found) if (value) tables.get(table)?.push(Buffer.concat([key, value]))
    },
  })
  const bytes = readFileSync(path)
  for (let i = 0; i < count; i++) {
    const entry = random.pick(tables.get(random.pick(PIN_TABLES) ?? '') ?? [])
    if (!entry) continue
    const byte = random.below(entry.length)
    const bit = 1 << random.below(8)
    // Older pages have it as well, which nobody reads.
    for (let at = bytes.indexOf(entry); at >= 0; at = bytes.indexOf(entry, at + entry.length))
      bytes[at + byte] = (bytes[at + byte] ?? 0) ^ bit
  }
  writeFileSync(path, bytes)
}

function flipFiles(part: Exclude<Part, 'pins'>, directory: string, count: number, random: Random): void {
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
