import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { createClient } from '../../core/cli/client.ts'
import { startSkep } from './contenders/skep.ts'
import { type Findings, type Inspection, inspect } from './crash/inspection.ts'
import { cutMigration } from './crash/migration.ts'
import { type Deed, fill, OPERATIONS, type Operation, type Scene } from './crash/operations.ts'
import { PowerDisk } from './crash/power-disk.ts'
import { Random } from './crash/random.ts'
import { Truth } from './crash/truth.ts'
import { type Cut, VICTIM_BYTES, Victim } from './crash/victim.ts'
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
 * when it is asked for again. The store is full from the first cut on; `evicted` and `moved` tell what that led to.
 *
 * The page cache survives a SIGKILL. So the store lies on a disk image, where that can be had, and every other cut is of
 * its power: the file system loses what wasn't flushed. What a drive loses that lies about flushing isn't seen.
 */
export function crash(options: CrashOptions): Promise<BenchRow[]> {
  return withDirectory('crash', directory => new CrashRun(options, directory).run())
}

const KILL: Cut = kill => kill()

/** One cut. */
interface Turn {
  readonly name: string
  readonly number: number
  readonly cut: Cut
  /** From 0 up to 1: how far it is let go. */
  readonly moment: number
}

class CrashRun {
  readonly #options: CrashOptions
  readonly #directory: string
  readonly #random: Random
  readonly #truth = new Truth()
  readonly #count: Count = { lost: 0, corrupt: 0, unopenable: 0, miscounted: 0, unrepeatable: 0 }
  readonly #cuts = new Map<string, number>()
  readonly #deedMs = new Map<string, number>()
  /** What was cut last, to be done again. */
  #unfinished: Deed | undefined
  /** Where blocks lay after the last cut. */
  #places: Inspection['places']
  /** What the store did to make room while it was used, so far as it shows afterwards. */
  readonly #roomMade = { evicted: 0, moved: 0, 'scenes-evicting': 0, 'scenes-moving': 0 }

  constructor(options: CrashOptions, directory: string) {
    this.#options = options
    this.#directory = directory
    this.#random = new Random(options.seed)
  }

  async run(): Promise<BenchRow[]> {
    const { cuts, seed } = this.#options
    process.stderr.write(`seed ${seed}\n`)
    await using undo = new AsyncDisposableStack()
    const disk = PowerDisk.create(this.#directory)
    if (disk) undo.use(disk)
    else process.stderr.write('no disk image can be mounted here: power is not cut\n')
    const powerCut: Cut | undefined =
      disk &&
      (async kill => {
        disk.cut()
        await kill()
        disk.restore()
      })
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
    const place = disk?.directory ?? this.#directory
    await this.#fill(join(place, 'victim'))
    for (let number = 0; number < cuts; number++) {
      const name = CUT[number % CUT.length] ?? ''
      // Each operation is cut in both ways in turn.
      const isOfPower = (number + Math.floor(number / CUT.length)) % 2 === 1
      const cut = (isOfPower && powerCut) || KILL
      for (const counted of [name, cut === KILL ? 'by-kill' : 'by-power']) {
        this.#cuts.set(counted, (this.#cuts.get(counted) ?? 0) + 1)
      }
      await this.#take({ name, number, cut, moment: this.#random.next() }, place, scene)
    }
    return this.#rows()
  }

  async #take(turn: Turn, place: string, scene: Scene): Promise<void> {
    const { name, moment, cut } = turn
    if (name === 'migrate') {
      const directory = mkdtempSync(join(place, 'migration-'))
      this.#note(turn, await cutMigration(directory, { delayMs: moment * MIGRATION_MS, cut }))
      rmSync(directory, { recursive: true, force: true })
      return
    }
    const store = join(place, 'victim')
    if (name === 'start') await Victim.cutStart(store, { delayMs: moment * START_MS, cut })
    else await this.#cutOperation(turn, store, scene)
    const inspection = await inspect(store, VICTIM_BYTES, this.#truth)
    this.#note(turn, inspection)
    this.#compare(inspection)
  }

  /** Counts what had to go, or to make way, since the cut before: nothing else takes a block from its place. */
  #compare({ places }: Inspection): void {
    let evicted = 0
    let moved = 0
    for (const [hash, place] of (places && this.#places) ?? []) {
      const now = places?.get(hash)
      if (now === undefined) evicted += 1
      else if (now !== place) moved += 1
    }
    this.#places = places
    this.#roomMade.evicted += evicted
    this.#roomMade.moved += moved
    if (evicted > 0) this.#roomMade['scenes-evicting'] += 1
    if (moved > 0) this.#roomMade['scenes-moving'] += 1
  }

  /** From then on what comes in pushes something out. */
  async #fill(store: string): Promise<void> {
    const victim = await Victim.start(store)
    await fill(victim.client, this.#random)
    await victim.stop()
  }

  async #cutOperation(turn: Turn, store: string, scene: Scene): Promise<void> {
    const { name, moment, cut } = turn
    const operation: Operation = OPERATIONS[name as keyof typeof OPERATIONS]
    let victim: Victim
    try {
      victim = await Victim.start(store)
    } catch (error) {
      this.#note(turn, { lost: [], corrupt: [], miscounted: [], unopenable: [String(error)] })
      return
    }
    const { client } = victim
    await this.#unfinished?.(client).catch(error => this.#fail('unrepeatable', turn, String(error)))
    this.#unfinished = await operation(client, scene)
    let isCut = false
    const cutting = setTimeout(moment * SPREAD * (this.#deedMs.get(name) ?? FIRST_GUESS_MS)).then(() => {
      isCut = true
      return cut(() => victim.kill())
    })
    try {
      for (;;) {
        const startedMs = performance.now()
        await this.#unfinished?.(client)
        this.#unfinished = undefined
        this.#deedMs.set(name, performance.now() - startedMs)
        this.#unfinished = await operation(client, scene)
      }
    } catch (error) {
      if (!isCut) throw error
    }
    await cutting
  }

  #note(turn: Turn, findings: Findings): void {
    for (const kind of ['lost', 'corrupt', 'miscounted', 'unopenable'] as const) {
      for (const finding of findings[kind]) this.#fail(kind, turn, finding)
    }
  }

  #fail(kind: keyof Count, { name, number, cut }: Turn, message: string): void {
    this.#count[kind] += 1
    const way = cut === KILL ? 'kill' : 'power cut'
    process.stderr.write(`${kind} after ${way} ${number} (${name}), seed ${this.#options.seed}: ${message}\n`)
  }

  #rows(): BenchRow[] {
    const counted = Object.entries(this.#count).map(([metric, ours]) =>
      benchRow({ bench: 'crash', metric, ours, limit: 0, unit: `in ${this.#options.cuts} cuts` }),
    )
    const cuts = Array.from([...this.#cuts].sort(), ([name, ours]) =>
      benchRow({ bench: 'crash', metric: `cuts-${name}`, ours, unit: 'cuts' }),
    )
    const roomMade = Object.entries(this.#roomMade).map(([metric, ours]) =>
      benchRow({ bench: 'crash', metric, ours, unit: metric.startsWith('scenes') ? 'cuts' : 'blocks' }),
    )
    return [...counted, ...cuts, ...roomMade]
  }
}
