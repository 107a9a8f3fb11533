import type { Client } from '../../../core/cli/client.ts'
import { isSkepError } from '../../../core/errors.ts'
import type { CacheStats } from '../../../core/services/cache.ts'
import type { Random } from './random.ts'
import { addTree, evenTree, mixedTree, type Tree } from './trees.ts'
import type { Truth } from './truth.ts'

/** Something a node is asked for; asked again, it has to succeed, however far it had come. */
export type Deed = (client: Client) => Promise<void>

export interface Scene {
  readonly random: Random
  readonly truth: Truth
  /** Has what the victim fetches. */
  readonly source: { readonly client: Client; readonly address: string }
}

/** Gets all ready that isn't to be cut, and resolves with what is. */
export type Operation = (client: Client, scene: Scene) => Promise<Deed>

/** Longer than any of it takes on a busy machine. */
const TIMEOUT_MS = 60_000
const MOST_FILES = 12
const FILES_PER_BURST = 24
/** So that the rest of the quota is left to what can be evicted, the largest burst among it. */
const MAX_PINNED_BYTES = 16 * 1024 * 1024

const inTime = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(TIMEOUT_MS) })

/** Each as `skep` does it for a user. */
export const OPERATIONS = {
  async add(client, { random, truth }) {
    const tree = mixedTree(random, 1 + random.below(MOST_FILES))
    await unpinOldest(client, truth, bytesOf(tree))
    return async next => {
      const cid = await addTree(next, tree, { pin: true, ...inTime() })
      truth.wasPinned(cid, bytesOf(tree))
    }
  },

  async fetch(client, { random, truth, source }) {
    const tree = mixedTree(random, 1 + random.below(MOST_FILES))
    await unpinOldest(client, truth, bytesOf(tree))
    const cid = await addTree(source.client, tree, { pin: true, ...inTime() })
    return async next => {
      await next.operate({ method: 'POST', path: 'peers', body: { address: source.address }, ...inTime() })
      truth.isInDoubt(cid)
      await pin(next, cid)
      truth.wasPinned(cid, bytesOf(tree))
    }
  },

  /** A tree, part of which is pinned already. */
  async pin(client, { random, truth }) {
    const tree = mixedTree(random, 2 + random.below(MOST_FILES))
    await unpinOldest(client, truth, bytesOf(tree))
    const cid = await addTree(client, tree, { pin: false, ...inTime() })
    const part = await pin(client, `${cid}/d0`)
    truth.wasPinned(part, bytesOf(tree.filter(({ path }) => path.startsWith('d0/'))))
    return async next => {
      truth.isInDoubt(cid)
      await pin(next, cid).catch(async error => {
        // Nobody promised to keep it until it was pinned.
        if (!isSkepError(error, 'CONTENT_UNAVAILABLE')) throw error
        await addTree(next, tree, { pin: true, ...inTime() })
      })
      truth.wasPinned(cid, bytesOf(tree))
    }
  },

  async unpin(client, scene) {
    const { random, truth } = scene
    if (truth.pinned.length === 0) await (await OPERATIONS.add(client, scene))(client)
    const cid = random.pick(truth.pinned)
    if (!cid) throw new Error('nothing is pinned')
    return async next => {
      truth.isInDoubt(cid)
      await unpin(next, cid)
      truth.wasRemoved(cid)
    }
  },

  /** What comes in over a full store pushes out what nobody pinned. */
  async evict(_, { random }) {
    const tree = mixedTree(random, FILES_PER_BURST)
    return async next => {
      await addTree(next, tree, { pin: false, ...inTime() })
    }
  },

  /** Blocks of another size each time: their room lies in segments of other sizes. */
  async move(_, { random }) {
    const tree = evenTree(random, FILES_PER_BURST)
    return async next => {
      await addTree(next, tree, { pin: false, ...inTime() })
    }
  },
} satisfies Record<string, Operation>

/** Adds what need not stay until something had to go for it. */
export async function fill(client: Client, random: Random): Promise<void> {
  const evictedBlocks = async (): Promise<number> => {
    const { details } = await client.get<{ details: { cache: CacheStats } }>('status', inTime())
    return details.cache.evictedBlocks
  }
  while ((await evictedBlocks()) === 0) {
    await addTree(client, evenTree(random, FILES_PER_BURST), { pin: false, ...inTime() })
  }
}

async function pin(client: Client, path: string): Promise<string> {
  const { cid } = await client.operate<{ cid: string }>({
    method: 'POST',
    path: 'pins',
    body: { path },
    ...inTime(),
  })
  return cid
}

/** Asked again, what is not pinned is as good as unpinned. */
async function unpin(client: Client, path: string): Promise<void> {
  await client.operate({ method: 'DELETE', path: 'pins', query: { path }, ...inTime() }).catch(error => {
    if (!isSkepError(error, 'NOT_PINNED')) throw error
  })
}

/** Makes room for a pin of so many bytes. */
async function unpinOldest(client: Client, truth: Truth, bytes: number): Promise<void> {
  for (const cid of truth.pinned) {
    if (truth.pinnedBytes + bytes <= MAX_PINNED_BYTES) return
    truth.isInDoubt(cid)
    await unpin(client, cid)
    truth.wasRemoved(cid)
  }
}

function bytesOf(tree: Tree): number {
  return tree.reduce((sum, { size }) => sum + size, 0)
}
