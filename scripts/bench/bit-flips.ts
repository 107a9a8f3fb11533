import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Client } from '../../core/cli/client.ts'
import { createClient } from '../../core/cli/client.ts'
import type { NodeStatus } from '../../core/state/node-state.ts'
import type { SkepProcess } from '../../test/helpers/skep-process.ts'
import { flipBits, PARTS, type Part } from './bit-flips/flips.ts'
import { Subject } from './bit-flips/subject.ts'
import { startSkep } from './contenders/skep.ts'
import { Random } from './crash/random.ts'
import { addTree, bytesOfFile, mixedTree, type Tree } from './crash/trees.ts'
import { type BenchRow, benchRow } from './row.ts'
import { withDirectory } from './turns.ts'

export interface BitFlipsOptions {
  /** Of each part. */
  readonly stores: number
  /** Bits turned in the payloads, and in the index, of each store. Of the vault, which is small, a tenth; of what pins hold a few. */
  readonly flips: number
  /** Contents and flips come from it. */
  readonly seed: number
}

const SHARES: Readonly<Record<Part, number>> = { payload: 1, index: 1, pins: 1 / 100, vault: 1 / 10 }
const ROOTS = 24
const FILES_PER_ROOT = 6
/** One restart is allowed; so many are tried before a store counts as lost. */
const MAX_RESTARTS = 4
/** Longer than a pass and all repairs take on a busy machine. */
const SETTLE_LIMIT_MS = 90_000
const ANSWER_LIMIT_MS = 20_000
const LOOK_PERIOD_MS = 200

type Metric = 'lost-pins-silently' | 'unopenable' | 'served-corrupt' | 'unrepaired'
const METRICS: readonly Metric[] = ['lost-pins-silently', 'unopenable', 'served-corrupt', 'unrepaired']

interface Root {
  readonly cid: string
  readonly tree: Tree
}

/**
 * Turns bits of stores at random, in files that nobody uses, and starts a real node on each, with a peer that has good copies.
 * Whatever it takes, a restart included, in the end all that is pinned has to read as it was written, nothing else may ever
 * have been given out, and pins that are gone have to be told of.
 */
export function bitFlips(options: BitFlipsOptions): Promise<BenchRow[]> {
  return withDirectory('flips', directory => new FlipRun(options, directory).run())
}

class FlipRun {
  readonly #options: BitFlipsOptions
  readonly #directory: string
  readonly #random: Random
  readonly #counts = new Map<string, number>()
  #roots: readonly Root[] = []
  #source: SkepProcess | undefined

  constructor(options: BitFlipsOptions, directory: string) {
    this.#options = options
    this.#directory = directory
    this.#random = new Random(options.seed)
  }

  async run(): Promise<BenchRow[]> {
    const { stores, seed } = this.#options
    process.stderr.write(`seed ${seed}\n`)
    await using undo = new AsyncDisposableStack()
    const source = undo.adopt(await startSkep(join(this.#directory, 'source')), async node => {
      await node.end()
    })
    this.#source = source
    await this.#fill(createClient(join(source.directory, 'skep.sock')))
    for (let store = 0; store < stores; store++) for (const part of PARTS) await this.#take(part, store)
    return this.#rows()
  }

  /** The same content on both; the vault's snapshot has all pins but the last. */
  async #fill(source: Client): Promise<void> {
    const trees = Array.from({ length: ROOTS }, () => mixedTree(this.#random, FILES_PER_ROOT))
    const roots: Root[] = []
    const base = new Subject(join(this.#directory, 'base'))
    await base.start()
    for (const tree of trees) {
      if (tree === trees.at(-1)) {
        await base.end('SIGTERM')
        await base.start()
      }
      const [cid] = await Promise.all(
        [source, base.client].map(client => addTree(client, tree, { pin: true, ...inTime() })),
      )
      roots.push({ cid: cid ?? '', tree })
    }
    await base.end('SIGTERM')
    this.#roots = roots
  }

  async #take(part: Part, store: number): Promise<void> {
    const { flips, seed } = this.#options
    const directory = join(this.#directory, 'store')
    rmSync(directory, { recursive: true, force: true })
    cpSync(join(this.#directory, 'base'), directory, { recursive: true })
    await flipBits(part, directory, Math.ceil(flips * SHARES[part]), this.#random)
    const subject = new Subject(directory)
    const fail = (metric: Metric, what: string): void => {
      this.#count(`${part}-${metric}`, 1)
      process.stderr.write(`${metric}, ${part} of store ${store}, seed ${seed}: ${what}\n`)
    }
    let restarts = 0
    try {
      for (;;) {
        try {
          await subject.start()
          await this.#settle(subject.client, what => fail('served-corrupt', what))
          await this.#judge(part, subject.client, fail)
          return
        } catch (error) {
          await subject.end('SIGKILL')
          restarts += 1
          this.#checkSource()
          const why = `${String(error)}\n${subject.log.join('\n')}`
          if (restarts > MAX_RESTARTS) return fail('unopenable', why)
          process.stderr.write(`restart ${restarts}, ${part} of store ${store}, seed ${seed}: ${why}\n`)
        }
      }
    } finally {
      const name = `${part}-restarts`
      this.#counts.set(name, Math.max(this.#counts.get(name) ?? 0, restarts))
      if (restarts > 0) this.#count(`${part}-stores-restarted`, 1)
      await subject.end('SIGTERM')
    }
  }

  /** Reads what is pinned while a whole pass goes by, until nothing is left to repair. */
  async #settle(client: Client, onCorrupt: (what: string) => void): Promise<void> {
    const begunMs = Date.now()
    const address = this.#source?.ready.addresses[0]
    await client.operate({ method: 'POST', path: 'peers', body: { address }, ...inTime() })
    let last: object = {}
    while (Date.now() - begunMs < SETTLE_LIMIT_MS) {
      await this.#readOne(client, onCorrupt)
      const { pins, peers, details } = await client.get<NodeStatus>('status', inTime())
      const { unrepaired, lastPass } = details.verification as Scrub
      last = { pins, peers, ...details }
      this.#checkSource()
      const passBegunMs = lastPass ? lastPass.endedMs - lastPass.durationMs : 0
      if (passBegunMs > begunMs && unrepaired === 0 && pins.pinning === 0) return
      await setTimeout(LOOK_PERIOD_MS)
    }
    throw new Error(`it did not come to rest in ${SETTLE_LIMIT_MS} ms: ${JSON.stringify(last)}`)
  }

  /** Without good copies nothing can be repaired. */
  #checkSource(): void {
    const { ended, log } = this.#source ?? { log: [] }
    if (ended !== undefined)
      throw new Error(`the peer with good copies ended with ${ended}:\n${log.join('\n')}`)
  }

  /** A file at random: as it was written, or not at all. */
  async #readOne(client: Client, onCorrupt: (what: string) => void): Promise<void> {
    const root = this.#random.pick(this.#roots)
    const file = root && this.#random.pick(root.tree)
    if (!file) return
    const path = `${root.cid}/${file.path}`
    if ((await read(client, path, bytesOfFile(file))) === 'wrong') onCorrupt(path)
  }

  async #judge(part: Part, client: Client, fail: (metric: Metric, what: string) => void): Promise<void> {
    const { storage } = await client.get<NodeStatus>('status', inTime())
    for (const { part: repaired } of storage.repairs) this.#count(`${part}-${repaired}-made-again`, 1)
    const pinned = new Set<string>()
    await client.operate<unknown, { cid: string }>({
      method: 'GET',
      path: 'pins',
      onItem: ({ cid }) => pinned.add(cid),
      ...inTime(),
    })
    const isTold = storage.repairs.some(repair => repair.part === 'vault')
    const lost = this.#roots.filter(({ cid }) => !pinned.has(cid))
    if (!isTold && (lost.length > 0 || pinned.size !== this.#roots.length))
      fail('lost-pins-silently', lost.map(({ cid }) => cid).join(' '))
    // One pin came after the snapshot.
    if (lost.length > 1) fail('unrepaired', `${lost.length} pins are gone`)
    for (const { cid, tree } of this.#roots) {
      for (const file of tree) {
        const path = `${cid}/${file.path}`
        const outcome = await read(client, path, bytesOfFile(file))
        if (outcome === 'wrong') fail('served-corrupt', path)
        if (outcome !== 'none') continue
        // Of a node that has ended, or hangs, nothing is known: it throws.
        await client.get('status', inTime())
        fail('unrepaired', path)
      }
    }
  }

  #count(name: string, by: number): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by)
  }

  #rows(): BenchRow[] {
    const { stores } = this.#options
    const row = (metric: string, limit?: number): BenchRow =>
      benchRow({
        bench: 'bit-flips',
        metric,
        ours: this.#counts.get(metric) ?? 0,
        ...(limit !== undefined && { limit }),
        unit: metric.endsWith('-restarts') ? 'at most, of a store' : `in ${stores} stores`,
      })
    const rows = PARTS.flatMap(part => [
      ...METRICS.map(metric => row(`${part}-${metric}`, 0)),
      row(`${part}-restarts`, part === 'payload' ? 0 : 1),
    ])
    const told = new Set(rows.map(({ metric }) => metric))
    return [...rows, ...[...this.#counts.keys()].filter(name => !told.has(name)).map(name => row(name))]
  }
}

/** What the plugin verification tells of itself. */
interface Scrub {
  readonly unrepaired: number
  readonly lastPass?: { readonly endedMs: number; readonly durationMs: number }
}

const inTime = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(ANSWER_LIMIT_MS) })

/** Reads a file from a node: what came of it was `right` as far as it went, `wrong`, or there was `none`. */
async function read(client: Client, path: string, expected: Buffer): Promise<'right' | 'wrong' | 'none'> {
  let at = 0
  try {
    for await (const bytes of client.download('content/cat', { query: { path }, ...inTime() })) {
      if (Buffer.compare(bytes, expected.subarray(at, at + bytes.length)) !== 0) return 'wrong'
      at += bytes.length
    }
    return at === expected.length ? 'right' : 'wrong'
  } catch {
    return 'none'
  }
}
