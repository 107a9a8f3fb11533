import type { CID } from 'multiformats/cid'
import { type Token, token } from '../container.ts'
import type { WaitOptions } from '../storage/storage.ts'

/** One file system entry on its way in. Paths are relative, `/`-separated, without `.` or `..`; parents come before or never. */
export type ImportEntry =
  | (EntryAttributes & {
      readonly type: 'file'
      readonly path: string
      readonly bytes: AsyncIterable<Uint8Array>
      /** The pieces are the importer's, each with a buffer of its own: it may keep them, and empty them. */
      readonly givesBytes?: boolean
    })
  | (EntryAttributes & { readonly type: 'directory'; readonly path: string })
  | (EntryAttributes & { readonly type: 'symlink'; readonly path: string; readonly target: string })

export interface EntryAttributes {
  /** Permission bits, 0 to 0o7777. Left out: the UnixFS default, and the CID other tools give. */
  readonly mode?: number
  /** Milliseconds since 1970. */
  readonly mtimeMs?: number
}

/** One file system entry on its way out, parents first. */
export type ExportEntry = EntryAttributes & {
  /** Relative to what was asked for; empty for the entry itself. */
  readonly path: string
  readonly cid: CID
  /** File bytes; for directories and symlinks 0. */
  readonly size: number
} & (
    | { readonly type: 'file'; bytes(options?: WaitOptions): AsyncIterable<Uint8Array> }
    | { readonly type: 'directory' }
    | { readonly type: 'symlink'; readonly target: string }
  )

export interface AddResult {
  readonly cid: CID
  /** Content bytes, all files together. */
  readonly size: number
  readonly files: number
}

export interface ListEntry {
  readonly name: string
  readonly cid: CID
  readonly type: 'file' | 'directory' | 'symlink'
  /** File bytes where they are known without reading the child; directories: undefined. */
  readonly size?: number
}

export interface Progress {
  /** Bytes done so far; of content on add, of blocks on fetch. */
  readonly bytes: number
  /** Where it is known. */
  readonly totalBytes?: number
  readonly blocks: number
}

export interface ContentOptions extends WaitOptions {
  onProgress?(progress: Progress): void
}

/**
 * Files and directories over blocks (UnixFS). Paths are `CID`, `CID/a/b`, `/ipfs/CID/a/b` or `ipfs://CID/a/b`.
 * Reads take what is held and fetch the rest where an exchange is attached.
 *
 * Reads throw SkepError CID_INVALID, PATH_NOT_FOUND (names the part that is missing and where), NOT_UNIXFS,
 * CONTENT_UNAVAILABLE (says who was asked), CONTENT_CORRUPT.
 */
export interface Content {
  /**
   * Imports with profile unixfs-v1-2025. Resolves when every block and the pin are durable. A single file with an
   * empty path gives that file's CID; anything else is wrapped as a tree, whose root gives the CID.
   */
  add(entries: AsyncIterable<ImportEntry>, options?: ContentOptions & AddOptions): Promise<AddResult>
  /** A file's bytes, in order. `offset` beyond the end gives nothing. */
  cat(path: string, options?: ContentOptions & ByteRange): AsyncIterable<Uint8Array>
  list(path: string, options?: ContentOptions): AsyncIterable<ListEntry>
  /** The entry at `path` and all beneath it, parents first. Refuses names that would leave the tree. */
  export(path: string, options?: ContentOptions): AsyncIterable<ExportEntry>
  resolve(path: string, options?: ContentOptions): Promise<CID>
}

export interface AddOptions {
  /** Default true: what was added is kept. Otherwise it belongs to the cache. */
  readonly pin?: boolean
  readonly pinName?: string
  /**
   * Content bytes, where they are known before: more than the store can ever hold are refused before the first is read.
   * What is held already may be among them, so that less than that is never refused at once.
   */
  readonly totalBytes?: number
}

export interface ByteRange {
  /** First byte, default 0. */
  readonly offset?: number
  /** Default: to the end. */
  readonly length?: number
}

export const Content: Token<Content> = token('content')
