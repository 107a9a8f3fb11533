import { mkdtempSync, rmSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { LmdbStore } from '../../../../core/storage/lmdb.ts'
import {
  checkOverflow,
  decodeFreeRuns,
  decodeMeta,
  decodePage,
  decodeTable,
} from '../../../../core/storage/lmdb-file/layout.ts'
import { scanLeaves } from '../../../../core/storage/lmdb-file/scan.ts'
import { walkLmdbFile } from '../../../../core/storage/lmdb-file/walk.ts'
import { LMDB_PAGE_BYTES } from '../../../../core/storage/lmdb-file.ts'
import { Random } from '../../crash/random.ts'
import { type FuzzTarget, fuzzTarget } from '../target.ts'
import { record, uint16s } from '../values.ts'

/** The file of an environment that has all there is: branches, long values, pages that were freed. */
let image: Promise<Buffer> | undefined

function imageOf(): Promise<Buffer> {
  image ??= makeImage()
  return image
}

async function makeImage(): Promise<Buffer> {
  const directory = mkdtempSync(join(tmpdir(), 'skep-fuzz-lmdb-'))
  const random = new Random(1)
  const bytes = (length: number): Buffer => Buffer.alloc(length, random.below(256))
  try {
    const store = new LmdbStore(
      { directory, environment: 'index', mapBytes: 16 * 1024 * 1024 },
      {
        onFatal(error) {
          throw error
        },
      },
    )
    for (let round = 0; round < 4; round++) {
      await store.write(batch => {
        for (const table of ['demo/things', 'demo/others']) {
          const bucket = store.bucket(table)
          for (let i = 0; i < 30; i++) {
            const key = Buffer.concat([Buffer.of(round, i), bytes(i % 10 === 0 ? 900 : 20)])
            batch.put(bucket, key, bytes(i % 15 === 0 ? 6000 : i))
            if (round > 0 && i % 3 === 0)
              batch.delete(bucket, Buffer.concat([Buffer.of(round - 1, i), bytes(20)]))
          }
        }
      })
    }
    await store.close()
    return await readFile(join(directory, 'data.mdb'))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const BOUNDS = { lastPage: 200, transaction: 100 }

interface Place {
  readonly page: number
}

const places = record({ page: uint16s })

async function pageAt({ page }: Place): Promise<Uint8Array> {
  const file = await imageOf()
  const pages = file.length / LMDB_PAGE_BYTES
  return Uint8Array.from(
    file.subarray((page % pages) * LMDB_PAGE_BYTES, ((page % pages) + 1) * LMDB_PAGE_BYTES),
  )
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** A kind of page by its flags: 1 and 2 are those of a tree, 4 begins a value. */
async function pagesOf(...kinds: readonly number[]): Promise<number[]> {
  const file = await imageOf()
  const numbers = Array.from({ length: file.length / LMDB_PAGE_BYTES }, (_, number) => number)
  // What is free is as it was, and may be of another transaction, but it still is a page.
  return numbers.filter(number => {
    const at = number * LMDB_PAGE_BYTES
    return file.readUInt32LE(at) === number && kinds.includes(file.readUInt16LE(at + 18))
  })
}

async function pageOf(place: Place, ...kinds: readonly number[]): Promise<Uint8Array> {
  const pages = await pagesOf(...kinds)
  return pageAt({ page: pages[place.page % pages.length] ?? 0 })
}

/** Its number is what a page says of itself, else nearly all damage ends there. */
function numberIn(page: Buffer): number {
  return page.length < 8 ? 0 : page.readUInt32LE(0)
}

/** Edits of the image: its page, the place in it, how many bytes, then those, one behind the other. */
function damaged(file: Buffer, edits: Buffer): Buffer {
  const copy = Buffer.from(file)
  for (let at = 0; at + 5 < edits.length; ) {
    const page = edits.readUInt16LE(at) % (copy.length / LMDB_PAGE_BYTES)
    const place = page * LMDB_PAGE_BYTES + (edits.readUInt16LE(at + 2) % LMDB_PAGE_BYTES)
    const length = 1 + ((edits[at + 4] ?? 0) & 15)
    edits.copy(copy, place, at + 5, at + 5 + length)
    at += 5 + length
  }
  return copy
}

let file: string | undefined

function scratchFile(): string {
  if (file) return file
  const directory = mkdtempSync(join(tmpdir(), 'skep-fuzz-walk-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  file = join(directory, 'data.mdb')
  return file
}

export const LMDB_TARGETS: readonly FuzzTarget[] = [
  fuzzTarget<Place, true>({
    name: 'lmdb-page',
    covers: ['decodePage', 'decodeTable', 'decodeFreeRuns'].map(
      name => `core/storage/lmdb-file/layout.ts#${name}`,
    ),
    values: places,
    encode: place => pageOf(place, 1, 2),
    decode(bytes) {
      const buffer = bufferOf(bytes)
      decodePage(buffer, numberIn(buffer), BOUNDS, () => {})
      const page = decodePage(buffer, numberIn(buffer), BOUNDS)
      if (page.kind === 'branch') return true
      for (const { value, isTree } of page.nodes) tryValue(value, isTree, numberIn(buffer))
      return true
    },
    toValue: () => undefined,
    mayThrow: ['PageDamage'],
    maxInputBytes: 2 * LMDB_PAGE_BYTES,
  }),
  fuzzTarget<Place, true>({
    name: 'lmdb-meta',
    covers: ['decodeMeta', 'checkOverflow'].map(name => `core/storage/lmdb-file/layout.ts#${name}`),
    values: places.map(({ page }) => ({ page: page % 2 })),
    encode: pageAt,
    decode(bytes) {
      decodeMeta(bufferOf(bytes), numberIn(bufferOf(bytes)) % 2)
      return true
    },
    toValue: () => undefined,
    mayThrow: ['PageDamage'],
    maxInputBytes: 2 * LMDB_PAGE_BYTES,
  }),
  fuzzTarget<Place, true>({
    name: 'lmdb-overflow',
    covers: ['core/storage/lmdb-file/layout.ts#checkOverflow'],
    values: places,
    encode: async place => (await pageOf(place, 4)).subarray(0, 24),
    decode(bytes) {
      const header = bufferOf(bytes)
      // As many pages as an entry says, which has the same number unless one of the two is damaged.
      const pages = header.length < 24 ? 1 : header.readUInt32LE(20) % 16
      checkOverflow(header, numberIn(header), pages, BOUNDS)
      return true
    },
    toValue: () => undefined,
    mayThrow: ['PageDamage'],
    maxInputBytes: 64,
  }),
  fuzzTarget<readonly number[], true>({
    name: 'lmdb-file',
    covers: ['core/storage/lmdb-file/walk.ts#walkLmdbFile', 'core/storage/lmdb-file/scan.ts#scanLeaves'],
    values: fc.constant([]),
    encode: edits => Uint8Array.from(edits),
    async decode(bytes): Promise<true> {
      const path = scratchFile()
      await writeFile(path, damaged(await imageOf(), bufferOf(bytes)))
      // Both ways of those who gather what is left, then the strict one.
      await walkLmdbFile(path, { readsValues: true, onDamage() {}, onEntries() {} }).catch(ignoreDamage)
      await scanLeaves(path, { async onEntries() {} })
      await walkLmdbFile(path, { readsValues: true })
      return true
    },
    toValue: () => undefined,
    mayThrow: ['PageDamage'],
    maxInputBytes: 256,
    maxBytes: { base: 16 * 1024 * 1024, perByte: 0 },
    maxMs: 1000,
    // A whole file, which is read three times; what reads its pages is tried as often as any other.
    cases: 200,
  }),
]

/** A value as what it may be in another table: nearly all are neither, and that is told as damage. */
function tryValue(value: Buffer | undefined, isTree: boolean, page: number): void {
  try {
    if (isTree) decodeTable(value, page, BOUNDS)
    else if (value) decodeFreeRuns(value, page, BOUNDS)
  } catch (error) {
    ignoreDamage(error)
  }
}

function ignoreDamage(error: unknown): void {
  if ((error as Error).name !== 'PageDamage') throw error
}
