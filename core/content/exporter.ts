import type { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import type { MemoryBudget } from '../resources/byte-budget.ts'
import type { Blocks } from '../services/blocks.ts'
import type { BlockStore, WaitOptions } from '../storage/storage.ts'
import type { ByteRange, ContentOptions, EntryAttributes, ExportEntry, ListEntry } from './content.ts'
import { type ContentPath, parseContentPath } from './content-path.ts'
import { DagReader } from './dag-reader.ts'
import { entriesOf, findEntry, linksHeld, tooDeep } from './directory-reader.ts'
import { contentError } from './errors.ts'
import { readFile } from './file-reader.ts'
import { EntryNames } from './names.ts'
import { PrefetchingSession } from './prefetching-session.ts'
import {
  type DirectoryLink,
  type DirectoryNode,
  decodeListed,
  decodeUnixfs,
  type FileNode,
  type ShardNode,
  type UnixfsNode,
} from './unixfs-node.ts'
import { checkOpenLinks, countLinks, MAX_DAG_DEPTH } from './walk.ts'

export interface ExporterDependencies {
  readonly blocks: Blocks
  readonly store: BlockStore
  readonly memory: MemoryBudget
}

/** Reads files and directories out of blocks that are here or can be fetched. */
export class Exporter {
  readonly #blocks: Blocks
  readonly #store: BlockStore
  readonly #memory: MemoryBudget

  constructor({ blocks, store, memory }: ExporterDependencies) {
    this.#blocks = blocks
    this.#store = store
    this.#memory = memory
  }

  async resolve(path: string, { signal }: ContentOptions = {}): Promise<CID> {
    const target = parseContentPath(path)
    if (target.names.length === 0) return target.root
    await using session = this.#blocks.session(target.root)
    return await this.#locate(new DagReader(session, this.#memory, signal), target)
  }

  async *cat(path: string, options: ContentOptions & ByteRange = {}): AsyncGenerator<Uint8Array, void, void> {
    const span = spanOf(options)
    await using opened = await this.#open(path, options.signal)
    const { reader, cid, node } = opened
    if (node.type !== 'file') {
      throw contentError('NOT_A_FILE', `'${path}' is a ${kindOf(node)}, which has no bytes to read`)
    }
    const end = Math.min(span.to, node.size)
    const count = progressCounter(options, Math.max(0, end - span.from))
    yield* counted(readFile(reader, cid, node, { from: span.from, to: end }), count)
  }

  async *list(path: string, options: ContentOptions = {}): AsyncGenerator<ListEntry, void, void> {
    await using opened = await this.#open(path, options.signal)
    const { reader, node } = opened
    if (!isDirectory(node)) {
      throw contentError('NOT_A_DIRECTORY', `'${path}' is a ${kindOf(node)}, which has no entries`)
    }
    for await (const { link, child } of this.#children(reader, node, {
      withBytes: false,
      decode: decodeListed,
    })) {
      const type = child.type === 'shard' ? 'directory' : child.type
      yield { name: link.name, cid: link.cid, type, ...(type === 'file' && { size: sizeOf(child) }) }
    }
  }

  async *export(path: string, options: ContentOptions = {}): AsyncGenerator<ExportEntry, void, void> {
    await using opened = await this.#open(path, options.signal)
    const { cid, node } = opened
    if (isDirectory(node)) opened.prefetch(node.links)
    const totalBytes = totalBytesOf(node)
    // Before the first entry, so that whoever passes it on can say how much there will be.
    if (totalBytes !== undefined) options.onProgress?.({ bytes: 0, blocks: 0, totalBytes })
    const count = progressCounter(options, totalBytes)
    yield* this.#exportEntry(opened, { path: '', cid, child: node, depth: 0 }, count)
  }

  async *#exportEntry(
    opened: Opened,
    { path, cid, child, depth, outer }: Placed,
    count: ProgressCounter,
  ): AsyncGenerator<ExportEntry, void, void> {
    if (depth > MAX_DAG_DEPTH) throw tooDeep(cid)
    const shared = { path, cid, size: sizeOf(child), ...attributesOf(child) }
    switch (child.type) {
      case 'file':
        yield {
          ...shared,
          type: 'file',
          bytes: options => counted(this.#readAll(opened, cid, child, options), count),
        }
        return
      case 'symlink':
        yield { ...shared, type: 'symlink', target: child.target }
        return
      default: {
        yield { ...shared, type: 'directory' }
        const names = new EntryNames(`directory ${cid}`, linksHeld(child), outer)
        for await (const { link, child: inner } of this.#children(opened.reader, child, {
          withBytes: true,
          decode: (cid, bytes) => {
            // Before there are objects made of them: two full blocks at a time would be too much for a small board.
            checkOpenLinks(`block ${cid}`, names.openLinks + countLinks(cid, bytes))
            return decodeUnixfs(cid, bytes)
          },
        })) {
          names.add(link.name)
          const innerPath = path === '' ? link.name : `${path}/${link.name}`
          yield* this.#exportEntry(
            opened,
            {
              path: innerPath,
              cid: link.cid,
              child: inner,
              depth: depth + 1,
              outer: names,
            },
            count,
          )
        }
      }
    }
  }

  async *#readAll(
    opened: Opened,
    cid: CID,
    file: FileNode | UnreadFile,
    { signal }: WaitOptions = {},
  ): AsyncGenerator<Uint8Array, void, void> {
    // The entry may be read after the export that gave it is over.
    await using session = opened.isClosed() ? this.#blocks.session(cid) : undefined
    const reader = session ? new DagReader(session, this.#memory, signal) : opened.reader.until(signal)
    const node = 'parts' in file ? file : await reader.load(cid, { totalBytes: file.size })
    if (node.type !== 'file' || node.size !== file.size) {
      throw contentError(
        'NOT_UNIXFS',
        `block ${cid} isn't a file of ${file.size} bytes, as its directory says`,
      )
    }
    yield* readFile(reader, cid, node, { from: 0, to: node.size })
  }

  /**
   * What a directory holds. A raw block is a file and no more: it is read ahead only where its bytes are wanted and
   * would have to be fetched.
   */
  async *#children(
    reader: DagReader,
    directory: DirectoryNode | ShardNode,
    { withBytes, decode }: { readonly withBytes: boolean; decode(cid: CID, bytes: Uint8Array): UnixfsNode },
  ): AsyncGenerator<{ link: DirectoryLink; child: Child }, void, void> {
    const children = reader.ahead(entriesOf(reader, directory), async (link, ahead) => {
      const size = link.cid.code === raw.code ? this.#sizeOfRaw(link, withBytes) : undefined
      return { link, read: size === undefined ? await ahead.read(link.cid, link) : size }
    })
    // Only the one that is next is decoded.
    for await (const { link, read } of children) {
      yield { link, child: typeof read === 'number' ? { type: 'file', size: read } : decode(link.cid, read) }
    }
  }

  #sizeOfRaw({ cid, totalBytes }: DirectoryLink, withBytes: boolean): number | undefined {
    return this.#store.sizeOf(cid) ?? (withBytes ? undefined : totalBytes)
  }

  async #open(path: string, signal?: AbortSignal): Promise<Opened> {
    const target = parseContentPath(path)
    const session = new PrefetchingSession({
      session: this.#blocks.session(target.root),
      store: this.#store,
      memory: this.#memory,
    })
    try {
      const reader = new DagReader(session, this.#memory, signal)
      const cid = await this.#locate(reader, target)
      const node = await reader.load(cid)
      let closed = false
      return {
        reader,
        cid,
        node,
        isClosed: () => closed,
        prefetch: links => session.prefetch(links),
        async [Symbol.asyncDispose]() {
          closed = true
          await session[Symbol.asyncDispose]()
        },
      }
    } catch (error) {
      await session[Symbol.asyncDispose]()
      throw error
    }
  }

  async #locate(reader: DagReader, { root, names }: ContentPath): Promise<CID> {
    let link: DirectoryLink = { name: '', cid: root }
    let where = root.toString()
    for (const name of names) {
      const node = await reader.load(link.cid, link)
      if (!isDirectory(node)) {
        throw contentError('PATH_NOT_FOUND', `there is no '${name}' in '${where}': that is a ${kindOf(node)}`)
      }
      const found = await findEntry(reader, node, name)
      if (!found) throw contentError('PATH_NOT_FOUND', `there is no '${name}' in '${where}'`)
      link = found
      where += `/${name}`
    }
    return link.cid
  }
}

interface Opened extends AsyncDisposable {
  readonly reader: DagReader
  readonly cid: CID
  readonly node: UnixfsNode
  isClosed(): boolean
  /** For whoever reads all that is beneath `links`, depth first. */
  prefetch(links: readonly DirectoryLink[]): void
}

interface Placed {
  readonly path: string
  readonly cid: CID
  readonly child: Child
  readonly depth: number
  /** Of the directory it lies in. */
  readonly outer?: EntryNames
}

/** A raw block whose size is known without it. */
interface UnreadFile extends EntryAttributes {
  readonly type: 'file'
  readonly size: number
}

type Child = UnixfsNode | UnreadFile

function isDirectory(node: UnixfsNode): node is DirectoryNode | ShardNode {
  return node.type === 'directory' || node.type === 'shard'
}

function kindOf({ type }: UnixfsNode): string {
  return type === 'shard' ? 'directory' : type
}

function sizeOf(child: Child): number {
  return child.type === 'file' ? child.size : 0
}

function attributesOf({ mode, mtimeMs }: EntryAttributes): EntryAttributes {
  return { ...(mode !== undefined && { mode }), ...(mtimeMs !== undefined && { mtimeMs }) }
}

/** About: a directory's links count blocks, not file bytes. */
function totalBytesOf(node: UnixfsNode): number | undefined {
  if (node.type === 'file') return node.size
  if (node.type === 'symlink') return 0
  return node.links.reduce<number | undefined>(
    (sum, { totalBytes }) => (sum === undefined || totalBytes === undefined ? undefined : sum + totalBytes),
    0,
  )
}

/** @throws SkepError RANGE_INVALID */
function spanOf({ offset = 0, length = Number.MAX_SAFE_INTEGER }: ByteRange): { from: number; to: number } {
  for (const [name, value] of Object.entries({ offset, length })) {
    if (Number.isSafeInteger(value) && value >= 0) continue
    throw contentError('RANGE_INVALID', `${name} ${value} is not a number of bytes`)
  }
  return { from: offset, to: offset + length }
}

type ProgressCounter = (bytes: number) => void

function progressCounter({ onProgress }: ContentOptions, totalBytes: number | undefined): ProgressCounter {
  let bytes = 0
  let blocks = 0
  return added => {
    bytes += added
    blocks += 1
    onProgress?.({ bytes, blocks, ...(totalBytes !== undefined && { totalBytes }) })
  }
}

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  count: ProgressCounter,
): AsyncGenerator<Uint8Array, void, void> {
  for await (const chunk of chunks) {
    count(chunk.length)
    yield chunk
  }
}
