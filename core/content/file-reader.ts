import type { CID } from 'multiformats/cid'
import type { DagReader } from './dag-reader.ts'
import { tooDeep } from './directory-reader.ts'
import { contentError } from './errors.ts'
import type { FileNode, FilePart } from './unixfs-node.ts'
import { MAX_DAG_DEPTH } from './walk.ts'

/** A range of a file: `from` the first byte up to `to`, exclusive. */
export interface Span {
  readonly from: number
  readonly to: number
}

/**
 * The bytes of a file within `span`, in order: any layout (balanced, trickle), any leaves (raw, dag-pb).
 *
 * @throws SkepError NOT_UNIXFS where a part isn't as long as its parent says
 */
export async function* readFile(
  reader: DagReader,
  cid: CID,
  file: FileNode,
  span: Span,
  depth = 0,
): AsyncGenerator<Uint8Array, void, void> {
  if (depth > MAX_DAG_DEPTH) throw tooDeep(cid)
  const own = file.data.subarray(clamp(span.from, file.data.length), clamp(span.to, file.data.length))
  if (own.length > 0) yield own
  const parts = partsWithin(file, span)
  const loaded = reader.ahead(parts, async (part, ahead) => ({
    ...part,
    node: await loadPart(ahead, part),
  }))
  for await (const { cid: partCid, node, start } of loaded) {
    yield* readFile(reader, partCid, node, { from: span.from - start, to: span.to - start }, depth + 1)
  }
}

interface PlacedPart extends FilePart {
  /** Of its first byte, in the file. */
  readonly start: number
}

function* partsWithin(file: FileNode, { from, to }: Span): Generator<PlacedPart> {
  let start = file.data.length
  for (const part of file.parts) {
    if (start >= to) return
    const end = start + part.size
    if (part.size > 0 && end > from) yield { ...part, start }
    start = end
  }
}

async function loadPart(reader: DagReader, part: PlacedPart): Promise<FileNode> {
  const node = await reader.load(part.cid, part)
  if (node.type !== 'file') {
    throw contentError('NOT_UNIXFS', `block ${part.cid} is a ${node.type} and can't be part of a file`)
  }
  if (node.size !== part.size) {
    const message = `block ${part.cid} holds ${node.size} bytes of the file where its parent says ${part.size}`
    throw contentError('NOT_UNIXFS', message)
  }
  return node
}

function clamp(position: number, length: number): number {
  return Math.min(Math.max(position, 0), length)
}
