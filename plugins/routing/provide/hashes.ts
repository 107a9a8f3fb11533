import { decode } from 'multiformats/hashes/digest'
import type { BlockStore, Pins } from '../../../core/api.ts'
import type { ProvideConfig } from '../config.ts'

/** Entries read from a store at a time. */
const PAGE = 512
/**
 * kad-dht in JavaScript takes keys for CIDs and so knows those of sha2-256 alone; it drops the stream over any other.
 * https://github.com/libp2p/js-libp2p/blob/main/packages/kad-dht/src/rpc/handlers/add-provider.ts
 */
const SHA2_256 = 0x12
const SHA2_256_BYTES = 32

export interface HashesDependencies {
  readonly pins: Pick<Pins, 'list' | 'hashes'>
  readonly blocks: Pick<BlockStore, 'list'>
}

/**
 * The multihashes that are to be announced, in pages, in no order that means anything. Read from where they are kept, so that
 * any number of them takes no memory. What comes or goes meanwhile may be missed or not.
 */
export function* hashesOf(
  what: ProvideConfig['what'],
  { pins, blocks }: HashesDependencies,
): Generator<readonly Uint8Array[], void, void> {
  if (what === 'roots') yield* rootPages(pins)
  if (what === 'pinned') {
    yield* pages(after => pins.hashes({ limit: PAGE, ...(after && { after }) }))
  }
  if (what === 'all') {
    yield* pages(after => blocks.list({ limit: PAGE, ...(after && { after }) }).map(({ hash }) => hash))
  }
}

/** False also of a key that is none, in a damaged index. */
export function canBeAnnounced(hash: Uint8Array): boolean {
  try {
    const { code, size } = decode(hash)
    return code === SHA2_256 && size === SHA2_256_BYTES
  } catch {
    return false
  }
}

function* rootPages(pins: Pick<Pins, 'list'>): Generator<readonly Uint8Array[], void, void> {
  let page: Uint8Array[] = []
  for (const { cid, state } of pins.list()) {
    if (state === 'pinned') page.push(cid.multihash.bytes)
    if (page.length < PAGE) continue
    yield page
    page = []
  }
  yield page
}

function* pages(
  read: (after: Uint8Array | undefined) => Uint8Array[],
): Generator<readonly Uint8Array[], void, void> {
  let after: Uint8Array | undefined
  do {
    const page = read(after)
    yield page
    after = page.at(-1)
  } while (after)
}
