import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { createClient } from '../../core/cli/client.ts'
import { startSkep } from './contenders/skep.ts'
import { type Findings, inspect } from './crash/inspection.ts'
import { cutMigration } from './crash/migration.ts'
import { type Deed, OPERATIONS, type Operation, type Scene } from './crash/operations.ts'
import { Random } from './crash/random.ts'
import { Truth } from './crash/truth.ts'
import { VICTIM_BYTES, Victim } from './crash/victim.ts'
import { type BenchRow, benchRow } from './row.ts'
import { withDirectory } from './turns.ts'

export interface CrashOptions {
  readonly cuts: number
  /** Contents, operations and moments come from it. What the machine does in those moments doesn't. */
  readonly seed: number
}

/** What is cut: what a user asks of a node, its start, and a migration. */
export const CUT = [...Object.keys(OPERATIONS), 'start', 'migrate'] as const

/** A first guess of how long a deed takes; then it is measured. */
const FIRST_GUESS_MS = 400
/** From the spawn of a node to its being up, and a little more. */
const START_MS = 1500
const MIGRATION_MS = 400
/** The cut falls into the first deed about as often as into those after it. */
const SPREAD = 2

type Count = Record<keyof Findings | 'unrepeatable', number>

/**
 * Kills a node with SIGKILL at random moments of all that changes its store. After each cut the store has to open, what
 * was acknowledged has to be there and be what its hashes say, counts have to be right, and what was cut has to succeed
 * when it is asked for again. The page cache survives a SIGKILL: this proves what is written before what is told, and
 * that what is half done is finished; not what a drive does when its power goes.
 */
export function crash(options: CrashOptions): Promise<BenchRow[]> {
  return withDirectory('crash', directory => new CrashRun(options, directory).run())
}

class CrashRun {
  readonly #options: CrashOptions
  readonly #directory: string
  readonly #store: string
  readonly #random: Random
  readonly #truth = new Truth()
  readonly #count: Count = { lost: 0, corrupt: 0, unopenable: 0, miscounted: 0, unrepeatable: 0 }
  readonly #cuts = new Map<string, number>()
  readonly #deedMs = new Map<string, number>()

  constructor(options: CrashOptions, directory: string) {
    this.#options = options
    this.#directory = directory
    this.#store = join(directory, 'victim')
    this.#random = new Random(options.seed)
  }

  async run(): Promise<BenchRow[]> {
    const { cuts, seed } = this.#options
    process.stderr.write(`seed ${seed}\n`)
    await using undo = new AsyncDisposableStack()
    const source = undo.adopt(await startSkep(join(this.#directory, 'source')), async node => {
      await node.end()
    })
    const scene: Scene = {
      random: this.#random,
      truth: this.#truth,
      source: {
        client: createClient(join(source.directory, 'skep.sock')),
        address: source.ready.addresses[0] ?? '',
      },
    }
    /** What was cut last, to be done again. */
    let unfinished: Deed | undefined
    for (let cut = 0; cut < cuts; cut++) {
      const name = CUT[cut % CUT.length] ?? ''
      this.#cuts.set(name, (this.#cuts.get(name) ?? 0) + 1)
      const moment = this.#random.next()
      if (name === 'migrate') {
        this.#note(name, cut, await this.#cutMigration(moment))
        continue
      }
      if (name === 'start') await Victim.killWhileStarting(this.#store, moment * START_MS)
      else
        unfinished = await this.#cutOperation(OPERATIONS[name as keyof typeof OPERATIONS], {
          name,
          cut,
          moment,
          scene,
          unfinished,
        })
      this.#note(name, cut, await inspect(this.#store, VICTIM_BYTES, this.#truth))
    }
    return this.#rows()
  }

  /** Resolves with the deed that was cut. */
  async #cutOperation(
    operation: Operation,
    {
      name,
      cut,
      moment,
      scene,
      unfinished,
    }: { name: string; cut: number; moment: number; scene: Scene; unfinished: Deed | undefined },
  ): Promise<Deed | undefined> {
    let victim: Victim
    try {
      victim = await Victim.start(this.#store)
    } catch (error) {
      this.#note(name, cut, { lost: [], corrupt: [], miscounted: [], unopenable: [String(error)] })
      return undefined
    }
    const { client } = victim
    await unfinished?.(client).catch(error => this.#fail('unrepeatable', name, cut, String(error)))
    let deed: Deed | undefined = await operation(client, scene)
    let isKilled = false
    const killed = setTimeout(moment * SPREAD * (this.#deedMs.get(name) ?? FIRST_GUESS_MS)).then(() => {
      isKilled = true
      return victim.kill()
    })
    try {
      for (;;) {
        const startedMs = performance.now()
        await deed(client)
        deed = undefined
        this.#deedMs.set(name, performance.now() - startedMs)
        deed = await operation(client, scene)
      }
    } catch (error) {
      if (!isKilled) throw error
    }
    await killed
    return deed
  }

  async #cutMigration(moment: number): Promise<Findings> {
    const directory = mkdtempSync(join(this.#directory, 'migration-'))
    try {
      return await cutMigration(directory, moment * MIGRATION_MS)
    } finally {
      rmSync(directory, { recursive: true })
    }
  }

  #note(name: string, cut: number, findings: Findings): void {
    for (const kind of ['lost', 'corrupt', 'miscounted', 'unopenable'] as const) {
      for (const finding of findings[kind]) this.#fail(kind, name, cut, finding)
    }
  }

  #fail(kind: keyof Count, name: string, cut: number, message: string): void {
    this.#count[kind] += 1
    process.stderr.write(`${kind} after cut ${cut} (${name}), seed ${this.#options.seed}: ${message}\n`)
  }

  #rows(): BenchRow[] {
    const counted = Object.entries(this.#count).map(([metric, ours]) =>
      benchRow({ bench: 'crash', metric, ours, limit: 0, unit: `of ${this.#options.cuts} cuts` }),
    )
    const cuts = Array.from(this.#cuts, ([name, ours]) =>
      benchRow({ bench: 'crash', metric: `cuts-${name}`, ours, unit: 'cuts' }),
    )
    return [...counted, ...cuts]
  }
}
