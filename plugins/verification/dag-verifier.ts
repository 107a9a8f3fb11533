import { setImmediate as turn } from 'node:timers/promises'
import type { CID } from 'multiformats/cid'
import {
  type BlockSession,
  type BlockStore,
  type Blocks,
  byteKey,
  type ContentOptions,
  checkOpenLinks,
  type DagLink,
  isSkepError,
  linksOf,
  type MemoryBudget,
  mayHaveLinks,
  messageOf,
} from '../../core/api.ts'
import { isIntact } from './block-hash.ts'
import { verificationError } from './errors.ts'

export interface DagVerifierDependencies {
  readonly blocks: Blocks
  readonly store: BlockStore
  readonly memory: MemoryBudget
  /** True where a block that isn't here should be. */
  readonly isMissed: (hash: Uint8Array) => boolean
  /** A block is damaged or missed, and no good copy could be had. */
  onUnrepaired(hash: Uint8Array): void
}

export interface VerifyReport {
  /** Looked at, and their bytes. */
  readonly blocks: number
  readonly bytes: number
  /** Found damaged, or missing although they are pinned. */
  readonly damaged: number
  /** Of those, how many are good now. */
  readonly repaired: number
  readonly unrepaired: number
  /** Not here, and not pinned: nothing is wrong with that. */
  readonly absent: number
  /** The first of those that aren't repaired. */
  readonly problems: readonly Problem[]
}

export interface Problem {
  readonly cid: string
  readonly reason: string
}

/** Blocks remembered, so as not to look at shared ones twice; the first are forgotten first, and looked at again. */
const MAX_SEEN_BLOCKS = 65_536

/** Problems told by name. */
const MAX_PROBLEMS = 100

/** Peers that had none of so many in a row won't have the next one: asking for each would take minutes. */
const MAX_FAILURES_IN_A_ROW = 3

/** Verifies a DAG, block by block, as far as it is here, and repairs what it can. */
export class DagVerifier {
  readonly #dependencies: DagVerifierDependencies

  constructor(dependencies: DagVerifierDependencies) {
    this.#dependencies = dependencies
  }

  /** @throws SkepError NOT_HELD, DAG_INVALID, the reason of `signal` */
  async verify(root: CID, options: ContentOptions = {}): Promise<VerifyReport> {
    const { blocks, store, isMissed } = this.#dependencies
    if (!store.has(root) && !isMissed(root.multihash.bytes)) {
      throw verificationError('NOT_HELD', `${root} is not here, neither whole nor damaged`)
    }
    await using session = blocks.session(root)
    return await new Walk(session, this.#dependencies, options).run(root)
  }
}

/** The links of one of the nodes that a walk is within. */
interface Level {
  readonly links: Iterator<DagLink>
  readonly count: number
}

class Walk {
  readonly #session: BlockSession
  readonly #dependencies: DagVerifierDependencies
  readonly #options: ContentOptions
  readonly #report = { blocks: 0, bytes: 0, damaged: 0, repaired: 0, unrepaired: 0, absent: 0 }
  readonly #problems: Problem[] = []
  readonly #seen = new Set<string>()
  #failuresInARow = 0
  #totalBytes: number | undefined

  constructor(session: BlockSession, dependencies: DagVerifierDependencies, options: ContentOptions) {
    this.#session = session
    this.#dependencies = dependencies
    this.#options = options
  }

  async run(root: CID): Promise<VerifyReport> {
    const levels: Level[] = [{ links: [{ cid: root }].values(), count: 1 }]
    let openLinks = 1
    for (let level = levels.at(-1); level; level = levels.at(-1)) {
      this.#options.signal?.throwIfAborted()
      const { value: link, done } = level.links.next()
      if (done) openLinks -= levels.pop()?.count ?? 0
      else if (this.#isNew(link.cid)) {
        const links = await this.#look(link.cid)
        this.#totalBytes ??= this.#report.bytes + sum(links)
        if (links.length > 0) levels.push({ links: links.values(), count: links.length })
        openLinks += links.length
        checkOpenLinks(`block ${link.cid}`, openLinks)
        const { blocks, bytes } = this.#report
        this.#options.onProgress?.({ blocks, bytes, totalBytes: Math.max(bytes, this.#totalBytes) })
        await turn()
      }
    }
    return { ...this.#report, problems: this.#problems }
  }

  #isNew(cid: CID): boolean {
    const key = `${cid.code} ${byteKey(cid.multihash.bytes)}`
    if (this.#seen.has(key)) return false
    this.#seen.add(key)
    for (const oldest of this.#seen) {
      if (this.#seen.size <= MAX_SEEN_BLOCKS) break
      this.#seen.delete(oldest)
    }
    return true
  }

  /** Verifies one block; resolves with its links, or none where it can't be had. */
  async #look(cid: CID): Promise<readonly DagLink[]> {
    const { store, memory, isMissed } = this.#dependencies
    const { signal } = this.#options
    const hash = cid.multihash.bytes
    if (!store.has(cid) && !isMissed(hash)) {
      this.#report.absent += 1
      return []
    }
    const size = store.sizeOf(cid) ?? 0
    using lease = await leased(memory, size, signal)
    let bytes: Uint8Array | undefined
    try {
      bytes = await store.inspect(hash, isIntact, { signal })
      this.#report.blocks += 1
      this.#report.bytes += bytes.length
    } catch (error) {
      if (!isSkepError(error, 'BLOCK_CORRUPT') && !isSkepError(error, 'BLOCK_NOT_FOUND')) throw error
      if (isSkepError(error, 'BLOCK_NOT_FOUND') && !isMissed(hash)) {
        // Evicted just now.
        this.#report.absent += 1
        return []
      }
      lease.release()
      bytes = await this.#repair(cid, error)
    }
    return bytes && mayHaveLinks(cid) ? linksOf(cid, bytes) : []
  }

  async #repair(cid: CID, damage: Error): Promise<Uint8Array | undefined> {
    const { signal } = this.#options
    this.#report.damaged += 1
    try {
      if (this.#failuresInARow >= MAX_FAILURES_IN_A_ROW) throw damage
      const bytes = await this.#session.get(cid, { signal })
      this.#failuresInARow = 0
      this.#report.repaired += 1
      this.#report.blocks += 1
      this.#report.bytes += bytes.length
      return bytes
    } catch (error) {
      signal?.throwIfAborted()
      this.#failuresInARow += 1
      this.#report.unrepaired += 1
      this.#dependencies.onUnrepaired(cid.multihash.bytes)
      if (this.#problems.length < MAX_PROBLEMS) {
        this.#problems.push({ cid: cid.toString(), reason: messageOf(error) })
      }
      return undefined
    }
  }
}

async function leased(
  memory: MemoryBudget,
  bytes: number,
  signal: AbortSignal | undefined,
): Promise<Disposable & { release(): void }> {
  const lease = await memory.lease(bytes, { signal })
  return { release: () => lease.release(), [Symbol.dispose]: () => lease.release() }
}

function sum(links: readonly DagLink[]): number {
  return links.reduce((bytes, { totalBytes = 0 }) => bytes + totalBytes, 0)
}
