import { type Extract, extract, type Header, type Pack, pack } from 'tar-stream'
import type { EntryAttributes } from '../content/content.ts'
import { isSkepError, messageOf } from '../errors.ts'
import { printable } from '../printable.ts'
import { drained } from './drained.ts'
import { controlError } from './errors.ts'

/**
 * A file system entry as it crosses the socket, in a tar archive. An `ExportEntry` is one; an `ImportEntry` is made
 * from one.
 */
export type TreeEntry = EntryAttributes & { readonly path: string } & (
    | {
        readonly type: 'file'
        readonly size: number
        /** To be called once, before the next entry is asked for. */
        bytes(): AsyncIterable<Uint8Array>
      }
    | { readonly type: 'directory' }
    | { readonly type: 'symlink'; readonly target: string }
  )

/**
 * Every tar header has a mode and a time; an entry of ours may have neither, and then its CID is the one other tools
 * give. So the ones that count are PAX records beside the header, and an archive from another tool has none.
 */
const MODE_RECORD = 'SKEP.mode'
const MTIME_RECORD = 'SKEP.mtime'

/** What a plain tar header says where an entry has no mode of its own. */
const DEFAULT_MODES = { file: 0o644, directory: 0o755, symlink: 0o777 } as const

/** Root of the tree in an archive, which has no empty names. */
const ROOT_NAME = '.'

/** Eleven octal digits of seconds, as tar-stream writes them from a 32-bit number. */
const MAX_HEADER_SECONDS = 2 ** 31 - 1

/** PAX records and long names of one entry, which tar-stream holds whole: room for the longest path and then some. */
const MAX_LONG_HEADER_BYTES = 64 * 1024

/** What tar-stream keeps of the header it reads; it lets 4 MiB through, and has no option for that. */
interface LongHeader {
  readonly _longHeader: boolean
  /** Bytes of it. */
  readonly _missing: number
}

/** What tar-stream's types leave open: PAX records are text. */
type PaxRecords = Readonly<Record<string, string>>

type Sink = ReturnType<Pack['entry']>

/** A tree as a tar archive that any tar reads. A file whose bytes aren't as many as its size fails the archive. */
export async function* encodeTar(entries: AsyncIterable<TreeEntry>): AsyncGenerator<Uint8Array, void, void> {
  const archive = pack()
  const filling = fill(archive, entries).then(
    () => archive.finalize(),
    error => archive.destroy(error),
  )
  try {
    yield* archive as AsyncIterable<Uint8Array>
  } finally {
    archive.destroy()
    await filling
  }
}

async function fill(archive: Pack, entries: AsyncIterable<TreeEntry>): Promise<void> {
  for await (const entry of entries) {
    if (archive.destroyed) return
    const sink = archive.entry(headersOf(entry))
    sink.on('error', () => {}) // It comes out of the archive.
    if (entry.type === 'file') await fillFile(sink, entry)
    sink.end(null)
  }
}

async function fillFile(sink: Sink, entry: TreeEntry & { type: 'file' }): Promise<void> {
  let written = 0
  for await (const chunk of entry.bytes()) {
    written += chunk.length
    if (written > entry.size || sink.destroyed) break
    if (!sink.write(chunk)) await drained(sink)
  }
  if (written !== entry.size && !sink.destroyed) {
    throw controlError('TREE_INVALID', `${entry.path} was to have ${entry.size} bytes and gave ${written}`)
  }
}

function headersOf(entry: TreeEntry): Partial<Header> & Pick<Header, 'name'> {
  const { type, mode, mtimeMs } = entry
  if (type === 'symlink' && entry.target === '') {
    throw controlError('TREE_ENTRY_REFUSED', `the symlink ${entry.path} has no target`)
  }
  const pax = {
    ...(mode !== undefined && { [MODE_RECORD]: mode.toString(8) }),
    ...(mtimeMs !== undefined && { [MTIME_RECORD]: String(mtimeMs) }),
  }
  return {
    name: entry.path || ROOT_NAME,
    type,
    mode: mode ?? DEFAULT_MODES[type],
    mtime: new Date(1000 * Math.min(Math.max(0, Math.trunc((mtimeMs ?? 0) / 1000)), MAX_HEADER_SECONDS)),
    ...(type === 'file' && { size: entry.size }),
    ...(type === 'symlink' && { linkname: entry.target }),
    ...(Object.keys(pax).length > 0 && { pax }),
  }
}

/**
 * The entries of a tar archive, which has to be read to its end. Paths come out relative and without `.` or `..`; what
 * can't be said so is refused.
 *
 * @throws SkepError TREE_INVALID, TREE_ENTRY_REFUSED, and whatever `source` throws
 */
export async function* decodeTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TreeEntry, void, void> {
  const archive = extract()
  let sourceError: unknown
  feed(archive, source).catch(error => {
    sourceError = error
    archive.destroy(error)
  })
  /** tar-stream fails with plain errors: those are about the archive. */
  const explain = (error: unknown): unknown =>
    error === sourceError || isSkepError(error)
      ? error
      : controlError('TREE_INVALID', `the tar archive is damaged: ${messageOf(error)}`, { cause: error })
  try {
    for await (const entry of archive) {
      yield treeEntry(entry.header, () => explained(entry as AsyncIterable<Uint8Array>, explain))
      entry.resume()
    }
  } catch (error) {
    throw explain(error)
  } finally {
    archive.destroy()
  }
}

/** Ends early, without an error, where nobody reads the archive any more. */
async function feed(archive: Extract, source: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += MAX_LONG_HEADER_BYTES) {
      if (archive.destroyed) return
      if (!archive.write(chunk.subarray(at, at + MAX_LONG_HEADER_BYTES))) await drained(archive)
      checkLongHeader(archive as unknown as LongHeader)
    }
  }
  archive.end(null)
}

/** @throws SkepError TREE_INVALID */
function checkLongHeader({ _longHeader: isLong, _missing: bytes }: LongHeader): void {
  if (!isLong || bytes <= MAX_LONG_HEADER_BYTES) return
  throw controlError(
    'TREE_INVALID',
    `an entry has ${bytes} bytes of PAX records or name; expected ${MAX_LONG_HEADER_BYTES} at most`,
  )
}

async function* explained(
  bytes: AsyncIterable<Uint8Array>,
  explain: (error: unknown) => unknown,
): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* bytes
  } catch (error) {
    throw explain(error)
  }
}

function treeEntry(header: Header, bytes: () => AsyncIterable<Uint8Array>): TreeEntry {
  // Of an entry without a size tar-stream waits for the end for ever.
  if (!Number.isSafeInteger(header.size) || header.size < 0)
    throw controlError('TREE_INVALID', `${printable(header.name)} has a size that is no number`)
  const path = relativePath(header.name)
  const attributes = { path, ...attributesOf(header) }
  switch (header.type) {
    case 'file':
    case 'contiguous-file':
      return { ...attributes, type: 'file', size: header.size, bytes }
    case 'directory':
      return { ...attributes, type: 'directory' }
    case 'symlink':
      return { ...attributes, type: 'symlink', target: header.linkname ?? '' }
    default:
      throw controlError(
        'TREE_ENTRY_REFUSED',
        `${printable(header.name)} is a ${header.type ?? 'special file'}; expected files, directories and symlinks`,
      )
  }
}

function attributesOf({ pax }: Header): EntryAttributes {
  const { [MODE_RECORD]: mode, [MTIME_RECORD]: mtime } = (pax ?? {}) as PaxRecords
  if (mode !== undefined && !/^[0-7]{1,4}$/.test(mode)) {
    throw controlError(
      'TREE_INVALID',
      `${MODE_RECORD} is ${printable(mode)}; expected up to four octal digits`,
    )
  }
  if (mtime !== undefined && !/^-?\d{1,16}(\.\d+)?$/.test(mtime)) {
    throw controlError(
      'TREE_INVALID',
      `${MTIME_RECORD} is ${printable(mtime)}; expected milliseconds since 1970`,
    )
  }
  return {
    ...(mode !== undefined && { mode: Number.parseInt(mode, 8) }),
    ...(mtime !== undefined && { mtimeMs: Number(mtime) }),
  }
}

/** `./a/b/` as `a/b`, the root as the empty path. @throws SkepError TREE_ENTRY_REFUSED */
function relativePath(name: string): string {
  const path = name.replace(/^\.(\/|$)/, '').replace(/\/$/, '')
  if (path !== '' && !isSafePath(path)) {
    throw controlError('TREE_ENTRY_REFUSED', `the name ${printable(name)} would leave the tree`)
  }
  return path
}

/** True for `a/b/c` where no part is empty, `.` or `..`, or has a NUL: it can only name something below where it starts. */
export function isSafePath(path: string): boolean {
  return !path.includes('\0') && path.split('/').every(part => part !== '' && part !== '.' && part !== '..')
}
