import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { type Logger, silentLogger } from '../../core/logger.ts'
import { createMetrics } from '../../core/metrics.ts'
import type { NetworkOptions } from '../../core/network/network.ts'
import type { BlockStore, Storage } from '../../core/storage/storage.ts'
import { type MembersConfig, membersSchema } from '../../plugins/routing/members/config.ts'
import { MembersIndex, type MembersIndexDependencies } from '../../plugins/routing/members/members-index.ts'
import { createMembersMetrics } from '../../plugins/routing/members/metrics.ts'
import { nextEvent, startNode, type TestNode } from '../unit/network/nodes.ts'

const RAW = 0x55
const SHA2_256 = 0x12
const DIGEST_BYTES = 32
const HASH_BYTES = 2 + DIGEST_BYTES

/** All keys at their defaults. */
const MEMBERS_CONFIG: MembersConfig = {
  maxPeers: membersSchema.maxPeers.default,
  maxBlocksPerPeer: membersSchema.maxBlocksPerPeer.default,
  maxBytes: membersSchema.maxBytes.default,
  keepMs: membersSchema.keepMs.default,
}

/** The index of a node, and what a test asks of it. */
export interface Run {
  readonly index: MembersIndex
  /** The value of one of its metrics, with labels as in `name{direction="told"}`. */
  metric(name: string): Promise<number>
}

export interface MembersNode extends TestNode {
  readonly id: string
  /** A new index in the place of the one before, as after a restart. */
  run(config?: Partial<MembersConfig>): Promise<Run>
  stopRun(): Promise<void>
}

interface MembersNodeOptions {
  readonly blocks: MembersIndexDependencies['blocks']
  isMember?: MembersIndexDependencies['isMember']
  now?(): number
  readonly log?: Logger
  readonly network?: Partial<NetworkOptions>
}

/** A node on 127.0.0.1 to whom everybody is a member unless told otherwise. Its index starts with `run`. */
export async function createMembersNode(
  t: { teardown(end: () => unknown): void },
  {
    blocks,
    isMember = () => true,
    now = () => performance.now(),
    log = silentLogger,
    network = {},
  }: MembersNodeOptions,
): Promise<MembersNode> {
  const node = await startNode(t, {
    ...network,
    trusts: (peer, trust) => trust === 'own' && isMember(peer),
  })
  let stop = async (): Promise<void> => undefined
  t.teardown(() => stop())
  return {
    ...node,
    id: node.port.self.toString(),
    stopRun: () => stop(),
    async run(config) {
      await stop()
      const metrics = createMetrics()
      const { port, release } = node.network.port('members')
      const index = new MembersIndex(
        { ...MEMBERS_CONFIG, ...config },
        {
          network: port,
          blocks,
          events: node.events,
          peers: node.peers,
          metrics: createMembersMetrics(metrics.factory('routing')),
          log,
          isMember,
          now,
        },
      )
      stop = async () => {
        await index.stop()
        await release()
      }
      await index.start()
      return {
        index,
        async metric(name) {
          const prefix = `skep_routing_members_${name} `
          const line = (await metrics.text()).split('\n').find(text => text.startsWith(prefix))
          return Number(line?.split(' ')[1] ?? Number.NaN)
        },
      }
    },
  }
}

/** Resolves once `condition` holds, asked now and whenever a member told something new. */
export function when(index: MembersIndex, condition: () => boolean): Promise<void> {
  if (condition()) return Promise.resolve()
  return new Promise(resolve => {
    const off = index.onUpdated(() => {
      if (!condition()) return
      off()
      resolve()
    })
  })
}

type Listener<T> = (told: T) => void

/** Stands for a block store of so many blocks that storing them would be the test: it has hashes and nothing else. */
export class HashStore
  implements Pick<BlockStore, 'has' | 'list' | 'stats' | 'onStored' | 'onDeleted' | 'onDamaged'>
{
  readonly #held = new Set<string>()
  #sorted: string[] | undefined
  readonly #stored = new Set<(hash: Uint8Array, bytes: number) => void>()
  readonly #deleted = new Set<Listener<readonly Uint8Array[]>>()

  put(hash: Uint8Array): void {
    this.#held.add(textOf(hash))
    this.#sorted = undefined
    for (const listener of this.#stored) listener(hash, 0)
  }

  delete(hash: Uint8Array): void {
    this.#held.delete(textOf(hash))
    this.#sorted = undefined
    for (const listener of this.#deleted) listener([hash])
  }

  has({ multihash }: CID): boolean {
    return this.#held.has(textOf(multihash.bytes))
  }

  list({ after, limit }: { after?: Uint8Array; limit?: number } = {}): { hash: Uint8Array; size: number }[] {
    this.#sorted ??= [...this.#held].sort()
    const from = after ? indexBehind(this.#sorted, textOf(after)) : 0
    const to = limit === undefined ? undefined : from + limit
    return this.#sorted.slice(from, to).map(text => ({ hash: Buffer.from(text, 'latin1'), size: 0 }))
  }

  stats(): ReturnType<Storage['blocks']['stats']> {
    const unused = {
      blockBytes: 0,
      usedBytes: 0,
      reservedBytes: 0,
      roomBytes: 0,
      maxBytes: 0,
      freeDiskBytes: 0,
    }
    return { blocks: this.#held.size, ...unused }
  }

  onStored(listener: (hash: Uint8Array, bytes: number) => void): () => void {
    this.#stored.add(listener)
    return () => this.#stored.delete(listener)
  }

  onDeleted(listener: Listener<readonly Uint8Array[]>): () => void {
    this.#deleted.add(listener)
    return () => this.#deleted.delete(listener)
  }

  onDamaged(): () => void {
    return () => undefined
  }
}

/** A multihash like that of some block; another for each number. */
export function hashOf(number: number): Uint8Array {
  const hash = Buffer.allocUnsafe(HASH_BYTES)
  hash[0] = SHA2_256
  hash[1] = DIGEST_BYTES
  for (let word = 0, state = number + 1; word < DIGEST_BYTES / 4 - 1; word++) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + word * 0x9e3779b9
    state = Math.imul(state ^ (state >>> 12), 0x297a2d39)
    hash.writeUInt32LE((state ^ (state >>> 15)) >>> 0, 2 + word * 4)
  }
  hash.writeUInt32LE(number, HASH_BYTES - 4)
  return hash
}

export function cidOfHash(hash: Uint8Array, codec = RAW): CID {
  return CID.createV1(codec, Digest.decode(hash))
}

function textOf({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('latin1')
}

function indexBehind(sorted: readonly string[], text: string): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] as string) <= text) low = middle + 1
    else high = middle
  }
  return low
}

/** Resolves when both know that they are connected. */
export async function connect(from: TestNode, to: TestNode): Promise<void> {
  const met = new Promise<void>(resolve => {
    const off = to.events.on('peer:connected', ({ peer }) => {
      if (!peer.equals(from.port.self)) return
      off()
      resolve()
    })
  })
  await from.port.dial(to.port.addresses())
  await met
}

/** Resolves when both know that they no longer are. */
export async function part(from: TestNode, to: TestNode): Promise<void> {
  const parted = [from, to].map(node => nextEvent(node.events, 'peer:disconnected'))
  await from.port.hangUp(to.port.self)
  await Promise.all(parted)
}
