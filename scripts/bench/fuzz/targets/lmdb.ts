import { mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { silentLogger } from '../../../../core/logger.ts'
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
import { LMDB_DATA_FILE, LMDB_PAGE_BYTES, prepareEnvironment } from '../../../../core/storage/lmdb-file.ts'
import { migrate } from '../../../../core/storage/migrations.ts'
import { SummedStore } from '../../../../core/storage/summed-store.ts'
import { problemOfVault, recordsOfDamaged } from '../../../../core/storage/vault-check.ts'
import { type FuzzTarget, fuzzTarget } from '../target.ts'
import { record, uint16s, uint32s } from '../values.ts'

/** The file of a vault that has all there is: branches, long values, pages that were freed, a sum of its records. */
let image: Promise<Buffer> | undefined

function imageOf(): Promise<Buffer> {
  image ??= makeImage()
  return image
}

async function makeImage(): Promise<Buffer> {
  const directory = mkdtempSync(join(tmpdir(), 'skep-fuzz-lmdb-'))
  try {
    const lmdb = new LmdbStore(
      { directory, environment: 'vault', mapBytes: 1024 * 1024 },
      {
        onFatal(error) {
          throw error
        },
      },
    )
    const store = new SummedStore(lmdb)
    await migrate(store, 'vault', silentLogger)
    for (let round = 0; round < 3; round++) {
      await store.write(batch => {
        const pins = store.bucket('pins')
        for (let i = 0; i < 8; i++) {
          batch.put(pins, keyOf(round, i), Buffer.alloc(i === 5 ? 5000 : 40 * i, round))
          if (round > 0 && i % 2 === 1) batch.delete(pins, keyOf(round - 1, i))
        }
        batch.put(store.bucket('tokens'), keyOf(round, 1), Buffer.alloc(round))
      })
    }
    await lmdb.close()
    return await readFile(join(directory, LMDB_DATA_FILE))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** A long one in each round, so that few of them fill a page. */
function keyOf(round: number, i: number): Buffer {
  return Buffer.concat([Buffer.of(round, i), Buffer.alloc(i === 0 ? 900 : 20, i)])
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

/** One of the ways to read the image, and places in it that are written anew. */
interface Rewritten {
  readonly way: number
  readonly spans: readonly Span[]
}

interface Span {
  readonly from: number
  readonly length: number
}

const MAX_EDIT_BYTES = 16
const EDIT_HEADER_BYTES = 5

const rewritten: fc.Arbitrary<Rewritten> = record({
  way: fc.nat(255),
  spans: fc.array(record({ from: uint32s, length: fc.integer({ min: 1, max: MAX_EDIT_BYTES }) }), {
    maxLength: 3,
  }),
})

/** The way, then the edits one behind the other: where, how many bytes, and those, which do no harm before they are damaged. */
async function encodeRewritten({ way, spans }: Rewritten): Promise<Uint8Array> {
  const file = await imageOf()
  const edits = spans.map(({ from, length }) => {
    const header = Buffer.alloc(EDIT_HEADER_BYTES)
    const place = from % (file.length - length)
    header.writeUInt32LE(place)
    header[EDIT_HEADER_BYTES - 1] = length - 1
    return Buffer.concat([header, file.subarray(place, place + length)])
  })
  return Buffer.concat([Buffer.of(way), ...edits])
}

interface Edit {
  readonly from: number
  readonly bytes: Uint8Array
}

function* editsIn(bytes: Buffer): Generator<Edit> {
  for (let at = 1; at + EDIT_HEADER_BYTES < bytes.length; ) {
    const place = at + EDIT_HEADER_BYTES
    const length = 1 + ((bytes[place - 1] ?? 0) % MAX_EDIT_BYTES)
    yield { from: bytes.readUInt32LE(at), bytes: bytes.subarray(place, place + length) }
    at = place + length
  }
}

/** The image as a file, of which only what an input damages is written, and put right after it. */
class ScratchFile {
  readonly path: string
  readonly #image: Buffer
  readonly #file: number

  constructor(image: Buffer) {
    const directory = mkdtempSync(join(tmpdir(), 'skep-fuzz-walk-'))
    process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
    this.path = join(directory, LMDB_DATA_FILE)
    this.#image = image
    this.#file = openSync(this.path, 'w+')
    writeSync(this.#file, image)
  }

  damage(edits: Iterable<Edit>): Disposable {
    const places: (readonly [from: number, to: number])[] = []
    for (const { from, bytes } of edits) {
      const place = from % (this.#image.length - bytes.length)
      writeSync(this.#file, bytes, 0, bytes.length, place)
      places.push([place, place + bytes.length])
    }
    return {
      [Symbol.dispose]: () => {
        for (const [from, to] of places) writeSync(this.#file, this.#image, from, to - from, from)
      },
    }
  }
}

let scratch: Promise<ScratchFile> | undefined

async function makeScratch(): Promise<ScratchFile> {
  return new ScratchFile(await imageOf())
}

/** All there are: the strict one, both of those who gather what is left, and what is asked of a vault before and after damage. */
const WAYS: readonly ((path: string) => Promise<unknown>)[] = [
  path => walkLmdbFile(path, { readsValues: true, onEntries() {} }),
  path => walkLmdbFile(path, { readsValues: true, onDamage() {}, onEntries() {} }),
  path => scanLeaves(path, { async onEntries() {} }),
  path => problemOfVault(path),
  path => recordsOfDamaged(path),
  // LMDB itself opens it then.
  async path => prepareEnvironment(dirname(path))[Symbol.dispose](),
]

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
  fuzzTarget<Rewritten, true>({
    name: 'lmdb-file',
    covers: [
      'core/storage/lmdb-file/walk.ts#walkLmdbFile',
      'core/storage/lmdb-file/scan.ts#scanLeaves',
    ].concat(
      ['problemOfVault', 'recordsOfDamaged'].map(name => `core/storage/vault-check.ts#${name}`),
      'core/storage/summed-store.ts#SummedStore',
      'core/storage/lmdb-file.ts#prepareEnvironment',
    ),
    values: rewritten,
    encode: encodeRewritten,
    async decode(bytes): Promise<true> {
      scratch ??= makeScratch()
      const file = await scratch
      using _ = file.damage(editsIn(bufferOf(bytes)))
      await WAYS[(bytes[0] ?? 0) % WAYS.length]?.(file.path)
      return true
    },
    toValue: () => undefined,
    mayThrow: ['PageDamage', 'STORAGE_UNREADABLE'],
    maxInputBytes: 256,
    // All of the image, more than once.
    maxBytes: { base: 1024 * 1024, perByte: 0 },
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
