import { readFile } from 'node:fs/promises'
import t from 'tap'
import type { EvidenceKind } from '../../../core/api.ts'
import { EVIDENCE_KINDS } from '../../../plugins/reputation/evidence.ts'
import { NO_STANDING } from '../../../plugins/reputation/standing.ts'
import { BEST_STANDING, type Step, stepsOf } from '../../../plugins/reputation/weights-table.ts'
import { README_BLOCKS, withGeneratedBlocks } from '../../../scripts/generate-readme.ts'

const rounded = (steps: readonly Step[], from = 0): number[] =>
  steps.slice(from).map(({ score }) => Number(score.toFixed(3)))

/** What the first steps of each kind do to a score, as fast as they count. */
const STRANGER: Readonly<Record<EvidenceKind, readonly number[]>> = {
  'invalid-block': [0.105, 0.059],
  'protocol-violation': [0.222, 0.143, 0.105, 0.083],
  overload: [0.4, 0.333, 0.286, 0.25, 0.223, 0.2],
  timeout: [0.4, 0.333, 0.288, 0.254, 0.227, 0.206],
}

const BEST: Readonly<Record<EvidenceKind, readonly number[]>> = {
  'invalid-block': [0.19, 0.111, 0.078],
  'protocol-violation': [0.364, 0.25, 0.191, 0.154, 0.129, 0.111, 0.098],
  overload: [0.571, 0.5, 0.444, 0.4, 0.364, 0.334],
  timeout: [0.571, 0.5, 0.447, 0.404, 0.37, 0.342],
}

/** How many of a kind lead to a ban; absent: never. */
const BANS: Readonly<Partial<Record<EvidenceKind, readonly [stranger: number, best: number]>>> = {
  'invalid-block': [2, 3],
  'protocol-violation': [4, 7],
  overload: [17, 36],
}

for (const kind of EVIDENCE_KINDS) {
  t.test(`${kind}: what each does to a score, and how many lead to a ban`, async t => {
    const stranger = stepsOf(kind, NO_STANDING)
    const best = stepsOf(kind, BEST_STANDING)
    t.same(rounded(stranger).slice(0, 6), STRANGER[kind].slice(0, 6), 'a stranger')
    t.same(rounded(best).slice(0, BEST[kind].length), BEST[kind], 'the best peer')
    const bans = [stranger, best].map(steps => (steps.at(-1)?.isBanned ? steps.length : undefined))
    t.same(bans, BANS[kind] ?? [undefined, undefined])
  })
}

t.test('timeouts end up at a score from which other faults still ban sooner', async t => {
  const last = stepsOf('timeout').at(-1)
  t.ok(last && last.score > 0.16 && last.score < 0.18, String(last?.score))
})

t.test('the README has the table: run `npm run generate` where it fails', async t => {
  const path = 'plugins/reputation/README.md'
  const readme = await readFile(new URL(`../../../${path}`, import.meta.url), 'utf8')
  t.equal(await withGeneratedBlocks(readme, README_BLOCKS[path]), readme)
})
