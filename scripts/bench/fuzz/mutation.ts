import type { Random } from '../crash/random.ts'
import type { FuzzTarget } from './target.ts'

/** Numbers at which lengths, counts and signs turn over. */
const EDGES = [0, 1, 2, 7, 8, 31, 32, 63, 64, 127, 128, 255, 256, 4095, 4096, 32_767, 65_535, 65_536]
const WIDE_EDGES = [0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_ffff]

/** Varints that announce too much, or never end. */
const VARINTS = [
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0x80, 0x80, 0x80, 0x80, 0x08],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80],
  [0x80, 0x00],
]

/** Strange in any text: ends of strings, of lines and of terminals, wrong UTF-8, and what is longer than it looks. */
const WORDS = [
  '\0',
  '\n',
  '\r\n',
  '\u001b[2J',
  '\u202e',
  '\u2028',
  '%00',
  '%',
  '\\u0000',
  '"',
  "'",
  '/',
  '..',
]
  .concat([
    '//',
    '-',
    '-1',
    '0',
    '9'.repeat(20),
    '1e309',
    '.',
    ':',
    ' ',
    '\t',
    '[',
    ']',
    '{',
    '}',
    ',',
    '€',
    '😀',
  ])
  .concat(['__proto__', 'constructor', 'null', 'NaN', 'İ', 'e\u0301', '\ufeff'])
const BROKEN_TEXT = [
  Buffer.of(0xff),
  Buffer.of(0xc0, 0xaf),
  Buffer.of(0xed, 0xa0, 0x80),
  Buffer.of(0xf0, 0x9f),
]

/** A long input in so many. */
const LONG_ONE_IN = 1024

type Mutation = (bytes: Buffer, random: Random) => Buffer

/** Inputs made of valid ones (`corpus`) by damage, and of nothing but chance. */
export class Mutator {
  readonly #target: FuzzTarget
  readonly #corpus: readonly Uint8Array[]
  readonly #mutations: readonly Mutation[]
  readonly #maxBytes: number

  constructor(target: FuzzTarget, corpus: readonly Uint8Array[], maxBytes: number) {
    this.#target = target
    this.#corpus = corpus
    this.#maxBytes = maxBytes
    const insertWord: Mutation = (bytes, random) => insert(bytes, random, wordOf(target, random))
    const ofShape: Record<string, readonly Mutation[]> = {
      bytes: [],
      protobuf: [editFields, editFields, editFields, editFields, editFields, editFields],
      text: [insertWord, insertWord, insertWord, insertWord],
    }
    this.#mutations = [
      ...[flipBits, flipBits, setByte, setNumber, setVarint, truncate, remove, repeat, swap, insertChance],
      (bytes, random) => this.#splice(bytes, random),
      ...(ofShape[target.shape ?? 'bytes'] ?? []),
    ]
  }

  /** One input: three of four are damaged valid ones. */
  next(random: Random): Uint8Array {
    const isLong = random.below(LONG_ONE_IN) === 0
    if (random.below(4) === 0) return this.#chance(random, isLong)
    let bytes: Buffer = Buffer.from(this.#pick(random))
    for (let times = 1 + random.below(4); times > 0; times--) {
      const mutation = this.#mutations[random.below(this.#mutations.length)] as Mutation
      bytes = mutation(bytes, random)
    }
    if (isLong) bytes = stretch(bytes, random, this.#maxBytes)
    if (bytes.length > this.#maxBytes) bytes = bytes.subarray(0, this.#maxBytes)
    const { mend } = this.#target
    return mend && random.below(2) === 0 ? mend(bytes) : bytes
  }

  #pick(random: Random): Uint8Array {
    return this.#corpus[random.below(this.#corpus.length)] ?? new Uint8Array()
  }

  #chance(random: Random, isLong: boolean): Uint8Array {
    const length = isLong ? this.#maxBytes : random.below(2 ** (1 + random.below(8)))
    if (this.#target.shape !== 'text' || random.below(2) === 0) return chanceBytes(random, length)
    const parts: Uint8Array[] = []
    for (let bytes = 0; bytes < length; ) {
      const word = wordOf(this.#target, random)
      parts.push(word)
      bytes += Math.max(1, word.length)
    }
    return Buffer.concat(parts)
  }

  #splice(bytes: Buffer, random: Random): Buffer {
    const other = this.#pick(random)
    const end = random.below(bytes.length + 1)
    return Buffer.concat([bytes.subarray(0, end), other.subarray(random.below(other.length + 1))])
  }
}

function wordOf({ words }: FuzzTarget, random: Random): Uint8Array {
  const kind = random.below(8)
  if (kind === 0) return random.pick(BROKEN_TEXT) ?? Buffer.alloc(0)
  return Buffer.from(random.pick(kind < 4 && words?.length ? words : WORDS) ?? '')
}

function chanceBytes(random: Random, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  for (let at = 0; at < length; at++) bytes[at] = random.below(256)
  return bytes
}

function insert(bytes: Buffer, random: Random, part: Uint8Array): Buffer {
  const at = random.below(bytes.length + 1)
  return Buffer.concat([bytes.subarray(0, at), part, bytes.subarray(at)])
}

/** Some bytes of it, no more than `most`. */
function span(bytes: Buffer, random: Random, most = bytes.length): [from: number, to: number] {
  const from = random.below(bytes.length + 1)
  return [from, Math.min(bytes.length, from + 1 + random.below(Math.max(1, Math.min(most, bytes.length))))]
}

const flipBits: Mutation = (bytes, random) => {
  for (let times = 1 + random.below(4); times > 0 && bytes.length > 0; times--) {
    const at = random.below(bytes.length)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
  }
  return bytes
}

const setByte: Mutation = (bytes, random) => {
  if (bytes.length > 0) bytes[random.below(bytes.length)] = random.pick([0, 1, 0x7f, 0x80, 0xfe, 0xff]) ?? 0
  return bytes
}

/** A number of some width, in either order of its bytes: lengths, counts and places are such. */
const setNumber: Mutation = (bytes, random) => {
  const width = random.pick([1, 2, 4, 6]) ?? 1
  if (bytes.length < width) return bytes
  const value = (random.pick(random.below(2) === 0 ? EDGES : WIDE_EDGES) ?? 0) % 2 ** (8 * width)
  const at = random.below(bytes.length - width + 1)
  if (random.below(2) === 0) bytes.writeUIntLE(value, at, width)
  else bytes.writeUIntBE(value, at, width)
  return bytes
}

const setVarint: Mutation = (bytes, random) => {
  const varint = random.pick(VARINTS) ?? []
  if (random.below(2) === 0) return insert(bytes, random, Uint8Array.from(varint))
  const at = random.below(bytes.length + 1)
  return Buffer.concat([bytes.subarray(0, at), Uint8Array.from(varint), bytes.subarray(at + 1)])
}

const truncate: Mutation = (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1))

const remove: Mutation = (bytes, random) => {
  const [from, to] = span(bytes, random, 16)
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)])
}

const repeat: Mutation = (bytes, random) => {
  const [from, to] = span(bytes, random)
  const part = bytes.subarray(from, to)
  return Buffer.concat([bytes.subarray(0, to), ...Array(1 + random.below(8)).fill(part), bytes.subarray(to)])
}

const swap: Mutation = (bytes, random) => {
  const [from, to] = span(bytes, random, 32)
  return insert(
    Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]),
    random,
    bytes.subarray(from, to),
  )
}

const insertChance: Mutation = (bytes, random) =>
  insert(bytes, random, chanceBytes(random, 1 + random.below(16)))

/** A part of it again and again: what takes more than its share of time or memory shows by that. */
function stretch(bytes: Buffer, random: Random, maxBytes: number): Buffer {
  const [from, to] = span(bytes, random, 1 + random.below(64))
  const part = bytes.subarray(from, to)
  const times = Math.floor((maxBytes - bytes.length) / Math.max(1, part.length))
  if (times < 1 || part.length === 0) return bytes
  return Buffer.concat([bytes.subarray(0, to), ...Array(times).fill(part), bytes.subarray(to)])
}

/** Fields of a message, each with its tag. Where the bytes are no message, what is left is the last one. */
function fieldsOf(bytes: Buffer): Field[] {
  const fields: Field[] = []
  for (let at = 0; at < bytes.length; ) {
    const tagEnd = varintEnd(bytes, at)
    const wireType = (bytes[at] ?? 0) & 7
    let content = tagEnd
    let end = bytes.length
    if (wireType === 0) end = varintEnd(bytes, tagEnd)
    else if (wireType === 1) end = tagEnd + 8
    else if (wireType === 5) end = tagEnd + 4
    else if (wireType === 2) {
      content = varintEnd(bytes, tagEnd)
      end = content + varintAt(bytes, tagEnd, content)
    }
    end = Math.min(end, bytes.length)
    fields.push({
      tag: bytes.subarray(at, tagEnd),
      whole: bytes.subarray(at, end),
      content: wireType === 2 ? bytes.subarray(Math.min(content, end), end) : undefined,
    })
    at = end
  }
  return fields
}

interface Field {
  readonly tag: Buffer
  readonly whole: Buffer
  /** Of a field that says how long it is. */
  readonly content: Buffer | undefined
}

/** Fields twice, gone, in another order, or other inside, with a length that is right again or one that isn't. */
const editFields: Mutation = (bytes, random) => {
  const fields = fieldsOf(bytes)
  if (fields.length === 0) return insertChance(bytes, random)
  const at = random.below(fields.length)
  const field = fields[at] as Field
  const others = fields.map(({ whole }) => whole)
  switch (random.below(8)) {
    case 0:
      others.splice(at, 0, ...Array<Buffer>(1 + random.below(8)).fill(field.whole))
      break
    case 1:
      others.splice(at, 1)
      break
    case 2:
      others.splice(random.below(others.length), 0, ...others.splice(at, 1))
      break
    case 3:
      others[at] = Buffer.concat([
        Buffer.of((random.below(16) << 3) | random.below(8)),
        field.whole.subarray(1),
      ])
      break
    default:
      others[at] = editContent(field, random)
  }
  return Buffer.concat(others)
}

function editContent({ tag, whole, content }: Field, random: Random): Buffer {
  if (!content) return Buffer.concat([tag, Uint8Array.from(random.pick(VARINTS) ?? [])])
  const inner = content.length > 2 && random.below(2) === 0 ? editFields : random.pick(CONTENT_EDITS)
  const edited = inner?.(Buffer.from(content), random) ?? content
  // Now and then the length stays what it was.
  if (random.below(8) === 0) return Buffer.concat([whole.subarray(0, whole.length - content.length), edited])
  return Buffer.concat([tag, encodeLength(edited.length), edited])
}

const CONTENT_EDITS = [flipBits, setByte, truncate, remove, repeat, insertChance, setVarint]

function encodeLength(length: number): Uint8Array {
  const bytes: number[] = []
  let rest = length
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  return Uint8Array.of(...bytes, rest)
}

function varintEnd(bytes: Buffer, at: number): number {
  let end = at
  while (end < bytes.length && ((bytes[end] ?? 0) & 0x80) !== 0) end++
  return Math.min(bytes.length, end + 1)
}

function varintAt(bytes: Buffer, from: number, to: number): number {
  let value = 0
  for (let at = Math.min(to, from + 5) - 1; at >= from; at--) value = value * 128 + ((bytes[at] ?? 0) & 0x7f)
  return value
}
