import * as dagPb from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import type { BlockWriter } from './block-writer.ts'
import type { EntryAttributes } from './content.ts'
import { contentError } from './errors.ts'
import { MAX_DIRECTORY_ENTRIES, namesOf } from './names.ts'
import type { ImportProfile } from './profile.ts'
import { type WaitingEntry, writeShards } from './shards.ts'
import { type DirectoryLink, encodeDirectory, type MadeLink } from './unixfs-node.ts'

/** Bytes of a link beside its name and CID, at the very least. */
const MIN_LINK_OVERHEAD_BYTES = 8

/** Entries in memory, at some 400 bytes each, before finished directories are written out. */
const MAX_OPEN_ENTRIES = 65_536

interface Entry extends WaitingEntry {
  /** Undefined where it is known only from a directory that was read again. */
  readonly isDirectory?: boolean
}

class Directory {
  attributes: EntryAttributes
  readonly children: Map<string, Entry | Directory>

  constructor(attributes: EntryAttributes = {}, children = new Map<string, Entry | Directory>()) {
    this.attributes = attributes
    this.children = children
  }
}

export interface TreeImporterDependencies {
  readonly writer: BlockWriter
  /** What was written before, or undefined where that is no directory. */
  readDirectory(cid: CID): Promise<StoredDirectory | undefined>
}

export interface StoredDirectory {
  readonly attributes: EntryAttributes
  readonly links: readonly DirectoryLink[]
}

/**
 * Builds directories from entries in any order. Beyond MAX_OPEN_ENTRIES, memory holds the directories on the way to the
 * newest entry; what lies elsewhere was written and is read again where a later entry goes into it.
 */
export class TreeImporter {
  readonly #profile: ImportProfile
  readonly #dependencies: TreeImporterDependencies
  readonly #maxOpenEntries: number
  /** Open entries from which on it's worth looking for what can be written out. */
  #closeAt: number
  #root = new Directory()
  #openEntries = 0

  constructor(
    options: { readonly profile: ImportProfile; readonly maxOpenEntries?: number },
    dependencies: TreeImporterDependencies,
  ) {
    this.#profile = options.profile
    this.#maxOpenEntries = options.maxOpenEntries ?? MAX_OPEN_ENTRIES
    this.#closeAt = this.#maxOpenEntries
    this.#dependencies = dependencies
  }

  /** A file or symlink. One that is there already is replaced. @throws SkepError ENTRY_INVALID */
  async addLeaf(path: string, { cid, totalBytes }: MadeLink): Promise<void> {
    const names = namesOf(path)
    const name = names.pop()
    if (name === undefined) throw contentError('ENTRY_INVALID', 'an entry without a path is beside others')
    const directory = await this.#open(names, path)
    const existing = directory.children.get(name)
    if (existing && (await this.#asDirectory(existing))) {
      throw contentError('ENTRY_INVALID', `'${path}' is a directory and a file`)
    }
    this.#set(directory, name, { cid: cid.bytes, totalBytes, isDirectory: false })
    if (this.#openEntries <= this.#closeAt) return
    await this.#closeBeside(names)
    // What is still open lies on the way: a look at each entry again must not find the same.
    this.#closeAt = Math.max(this.#maxOpenEntries, 2 * this.#openEntries)
  }

  /** @throws SkepError ENTRY_INVALID */
  async addDirectory(path: string, attributes: EntryAttributes): Promise<void> {
    const directory = await this.#open(namesOf(path), path)
    directory.attributes = attributes
  }

  async finish(): Promise<MadeLink> {
    return this.#write(this.#root)
  }

  async #open(names: readonly string[], path: string): Promise<Directory> {
    let directory = this.#root
    for (const name of names) {
      const child = directory.children.get(name)
      const next = child ? await this.#asDirectory(child) : new Directory()
      if (!next) throw contentError('ENTRY_INVALID', `'${path}' goes through '${name}', which is a file`)
      if (next !== child) this.#set(directory, name, next)
      directory = next
    }
    return directory
  }

  #set(directory: Directory, name: string, child: Entry | Directory): void {
    if (!directory.children.has(name)) this.#openEntries += 1
    directory.children.set(name, child)
    if (directory.children.size > MAX_DIRECTORY_ENTRIES) {
      throw contentError('ENTRY_INVALID', `a directory has over ${MAX_DIRECTORY_ENTRIES} entries`)
    }
  }

  /** The directory that `child` is, read again where it was written out; undefined where it is none. */
  async #asDirectory(child: Entry | Directory): Promise<Directory | undefined> {
    if (child instanceof Directory) return child
    if (child.isDirectory === false) return undefined
    await this.#dependencies.writer.drain()
    const stored = await this.#dependencies.readDirectory(CID.decode(child.cid))
    if (!stored) return undefined
    const directory = new Directory(stored.attributes)
    for (const { name, cid, totalBytes = 0 } of stored.links) {
      this.#set(directory, name, { cid: cid.bytes, totalBytes })
    }
    return directory
  }

  /** Writes out every directory that isn't on the way along `names`. */
  async #closeBeside(names: readonly string[]): Promise<void> {
    let directory: Directory | undefined = this.#root
    for (let depth = 0; directory; depth++) {
      const next: string | undefined = names[depth]
      for (const [name, child] of directory.children) {
        if (name !== next && child instanceof Directory) await this.#close(directory, name, child)
      }
      const on: Entry | Directory | undefined = next === undefined ? undefined : directory.children.get(next)
      directory = on instanceof Directory ? on : undefined
    }
  }

  async #close(parent: Directory, name: string, child: Directory): Promise<Entry> {
    const { cid, totalBytes } = await this.#write(child)
    const entry = { cid: cid.bytes, totalBytes, isDirectory: true }
    parent.children.set(name, entry)
    this.#openEntries -= child.children.size
    return entry
  }

  async #write(directory: Directory): Promise<MadeLink> {
    const { writer } = this.#dependencies
    const { shardThresholdBytes, shardFanoutBits: bits } = this.#profile
    const { attributes } = directory
    let leastBytes = 0
    for (const [name, child] of directory.children) {
      const { cid } = child instanceof Directory ? await this.#close(directory, name, child) : child
      leastBytes += Buffer.byteLength(name) + cid.length + MIN_LINK_OVERHEAD_BYTES
    }
    // The exact size decides, but the block of a huge directory isn't made just to be thrown away.
    if (leastBytes <= shardThresholdBytes) {
      const links = Array.from(entriesOf(directory), ([name, { cid, totalBytes }]) => {
        return { name, cid: CID.decode(cid), totalBytes }
      })
      const block = encodeDirectory(links, attributes)
      if (block.length <= shardThresholdBytes) {
        const cid = await writer.write(dagPb.code, block)
        return { cid, totalBytes: links.reduce((sum, link) => sum + link.totalBytes, block.length) }
      }
    }
    return writeShards(entriesOf(directory), { bits, attributes }, writer)
  }
}

/** A directory's entries, once none of them is a directory in memory. */
function* entriesOf({ children }: Directory): Generator<readonly [name: string, entry: Entry], void, void> {
  for (const [name, child] of children) if (!(child instanceof Directory)) yield [name, child]
}
