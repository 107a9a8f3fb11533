import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withinLimit } from './run-limit.ts'

/**
 * The slowest contender takes a few minutes for what benches move unless told otherwise. Helia asks for a block once, and drops
 * a message that isn't through in ten seconds: on a busy machine it may then wait for ever.
 */
const RUN_LIMIT_MS = 10 * 60_000

/** One run in a directory of its own, which is removed afterwards. */
type Contender<R> = (directory: string) => Promise<R>

interface TurnOptions {
  readonly runs: number
  readonly directory: string
  readonly runLimitMs?: number
}

/**
 * Runs the contenders one after the other, and all of them as often as `runs` says: what disturbs one disturbs all. One that
 * takes longer than `runLimitMs` is killed, and ends the bench.
 */
export async function takeTurns<N extends string, R>(
  contenders: Readonly<Record<N, Contender<R>>>,
  { runs, directory, runLimitMs = RUN_LIMIT_MS }: TurnOptions,
): Promise<Record<N, R[]>> {
  const names = Object.keys(contenders) as N[]
  const results = Object.fromEntries(names.map(name => [name, []])) as unknown as Record<N, R[]>
  for (let run = 0; run < runs; run++) {
    for (const name of names) {
      const place = mkdtempSync(join(directory, `${name}-`))
      const what = `${name}, run ${run + 1} of ${runs}`
      results[name].push(await withinLimit(what, runLimitMs, () => contenders[name](place)))
      rmSync(place, { recursive: true })
    }
  }
  return results
}

/** A directory for one bench, on the disk that SKEP_BENCH_DIRECTORY names, removed afterwards. */
export async function withDirectory<T>(name: string, work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(process.env.SKEP_BENCH_DIRECTORY ?? tmpdir(), `skep-${name}-`))
  try {
    return await work(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
