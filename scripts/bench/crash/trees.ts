import { createHash } from 'node:crypto'
import type { Client } from '../../../core/cli/client.ts'
import { encodeTar, type TreeEntry } from '../../../core/control/tar.ts'
import type { Random } from './random.ts'

const KIB = 1024

/** From well inside the index to blocks of a megabyte: all kinds of places that a block can lie in. */
const LEAST_FILE_BYTES = 100
const MOST_FILE_BYTES = 1024 * KIB
const DIRECTORIES = 3

interface File {
  readonly path: string
  readonly size: number
  readonly seed: number
}

export type Tree = readonly File[]

/** A tree of some directories whose files have all kinds of sizes. */
export function mixedTree(random: Random, files: number): Tree {
  return Array.from({ length: files }, (_, at) => ({
    path: `d${at % DIRECTORIES}/f${at}`,
    size: random.sizeBetween(LEAST_FILE_BYTES, MOST_FILE_BYTES),
    seed: random.below(2 ** 32),
  }))
}

/** A tree whose blocks are all of one size class. */
export function evenTree(random: Random, files: number): Tree {
  const size = random.sizeBetween(33 * KIB, MOST_FILE_BYTES)
  return Array.from({ length: files }, (_, at) => ({ path: `f${at}`, size, seed: random.below(2 ** 32) }))
}

/** Adds a tree to a node and resolves with its CID once the node has acknowledged it. */
export async function addTree(
  client: Client,
  tree: Tree,
  { pin, signal }: { readonly pin: boolean; readonly signal: AbortSignal },
): Promise<string> {
  const { cid } = await client.operate<{ cid: string }>({
    method: 'POST',
    path: 'content',
    query: { pin },
    body: { type: 'application/x-tar', bytes: encodeTar(entriesOf(tree)) },
    signal,
  })
  return cid
}

export function bytesOfFile({ size, seed }: Pick<File, 'size' | 'seed'>): Buffer {
  return createHash('shake256', { outputLength: size }).update(`${seed}`).digest()
}

async function* entriesOf(tree: Tree): AsyncGenerator<TreeEntry> {
  for (const { path, size, seed } of tree) {
    yield {
      type: 'file',
      path,
      size,
      async *bytes() {
        yield bytesOfFile({ size, seed })
      },
    }
  }
}
