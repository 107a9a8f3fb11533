import fc from 'fast-check'
import { decodeTar, encodeTar, isSafePath, type TreeEntry } from '../../../../core/control/tar.ts'
import { type FuzzTarget, fuzzTarget } from '../target.ts'
import { partial, record, smallBytes, textsOf } from '../values.ts'

/** An entry with its bytes read. */
interface PlainEntry {
  readonly path: string
  readonly type: TreeEntry['type']
  readonly mode?: number
  readonly mtimeMs?: number
  readonly bytes?: Uint8Array
  readonly target?: string
}

const attributes = partial({ mode: fc.nat(0o7777), mtimeMs: fc.integer({ min: -(2 ** 40), max: 2 ** 42 }) })
const names = textsOf('abcXYZ.-_äß€', { minLength: 1, maxLength: 60 }).filter(name => !/^\.{1,2}$/.test(name))
const paths = fc.array(names, { minLength: 1, maxLength: 4 }).map(parts => parts.join('/'))

const entries: fc.Arbitrary<PlainEntry> = fc
  .tuple(
    fc.oneof(
      record({ path: paths, type: fc.constant('file' as const), bytes: smallBytes }),
      record({ path: paths, type: fc.constant('directory' as const) }),
      record({ path: paths, type: fc.constant('symlink' as const), target: names }),
    ),
    attributes,
  )
  .map(([entry, rest]) => ({ ...entry, ...rest }))

async function encodePlain(plain: readonly PlainEntry[]): Promise<Uint8Array> {
  async function* tree(): AsyncGenerator<TreeEntry> {
    for (const { bytes, target, ...entry } of plain) {
      if (entry.type === 'file') {
        const size = bytes?.length ?? 0
        yield { ...entry, type: 'file', size, bytes: () => once(bytes ?? new Uint8Array()) }
      } else if (entry.type === 'symlink') yield { ...entry, type: 'symlink', target: target ?? '' }
      else yield { ...entry, type: 'directory' }
    }
  }
  const chunks: Uint8Array[] = []
  for await (const chunk of encodeTar(tree())) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function decodePlain(bytes: Uint8Array): Promise<PlainEntry[]> {
  const plain: PlainEntry[] = []
  for await (const entry of decodeTar(once(bytes))) {
    const { path, type, mode, mtimeMs } = entry
    if (path !== '' && !isSafePath(path)) throw new Error(`${path} leaves the tree`)
    const chunks: Uint8Array[] = []
    if (entry.type === 'file') for await (const chunk of entry.bytes()) chunks.push(chunk)
    plain.push({
      path,
      type,
      ...(mode !== undefined && { mode }),
      ...(mtimeMs !== undefined && { mtimeMs }),
      ...(type === 'file' && { bytes: new Uint8Array(Buffer.concat(chunks)) }),
      ...(entry.type === 'symlink' && { target: entry.target }),
    })
  }
  return plain
}

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value
}

const HEADER_BYTES = 512
const SUM_AT = 148
const SUM_BYTES = 8

/** The sum of each header that has one. */
function mendTar(bytes: Uint8Array): Uint8Array {
  const mended = Buffer.from(bytes)
  for (let at = 0; at + HEADER_BYTES <= mended.length; at += HEADER_BYTES) {
    const header = mended.subarray(at, at + HEADER_BYTES)
    if (header.toString('latin1', 257, 262) !== 'ustar') continue
    header.fill(' ', SUM_AT, SUM_AT + SUM_BYTES)
    let sum = 0
    for (const byte of header) sum += byte
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, SUM_AT, 'latin1')
  }
  return mended
}

export const TAR_TARGETS: readonly FuzzTarget[] = [
  fuzzTarget<readonly PlainEntry[]>({
    name: 'tar',
    covers: ['core/control/tar.ts#decodeTar', 'core/control/tar.ts#isSafePath'],
    words: ['../', '/etc/passwd', '\0', 'SKEP.mode', 'SKEP.mtime'],
    values: fc.array(entries, { maxLength: 3 }),
    encode: encodePlain,
    decode: decodePlain,
    // What other tools write and we don't: empty targets, and names and times that tar has no place for.
    toValue: plain =>
      plain.every(({ target, path }) => target !== '' && path.isWellFormed()) ? plain : undefined,
    mend: mendTar,
    mayThrow: ['TREE_INVALID', 'TREE_ENTRY_REFUSED'],
    maxBytes: { base: 1024 * 1024, perByte: 400 },
  }),
]
