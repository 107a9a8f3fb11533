import { randomInt } from 'node:crypto'
import type { Test } from 'tap'
import { CASES, type FuzzTarget } from '../../scripts/bench/fuzz/target.ts'
import { WatchedRun } from '../../scripts/bench/fuzz/watched-run.ts'

/** A small machine needs a second for what takes a tenth of that here. */
const TIMEOUT_MS = 300_000

/** Has each of `targets` take as many inputs as it must, of a seed that is new each time and told where something fails. */
export async function fuzzed(t: Test, targets: readonly FuzzTarget[]): Promise<void> {
  const seed = randomInt(1, 2 ** 31)
  t.setTimeout(TIMEOUT_MS)
  await using run = new WatchedRun()
  for (const { name } of targets) {
    await t.test(name, { timeout: TIMEOUT_MS }, async t => {
      const { cases, findings } = await run.run({ target: name, seed, from: 0, count: CASES })
      for (const { kind, detail, input } of findings) {
        t.fail(`${kind}: ${detail}`, {
          again: `npm run bench -- fuzz --target ${name} --seed ${seed}`,
          input: Buffer.from(input).toString('base64'),
        })
      }
      if (findings.length === 0) t.ok(cases >= CASES, `${cases} inputs`)
    })
  }
}
