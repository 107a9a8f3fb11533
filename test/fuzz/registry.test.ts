import t from 'tap'
import { exportedCodecs, isThere } from '../../scripts/bench/fuzz/codecs.ts'
import { targetsWithInputs } from '../../scripts/bench/fuzz/kept-inputs.ts'
import { TARGETS } from '../../scripts/bench/fuzz/targets.ts'

/** What no target names, each for a reason. */
const EXCLUDED: Readonly<Record<string, string>> = {
  'plugins/routing/wire/kad.proto#KadMessage': 'is only written here: @libp2p/kad-dht reads what comes',
}

t.test('every codec and parser has a target', async t => {
  const covered = new Set(TARGETS.flatMap(({ covers }) => covers))
  const exported = await exportedCodecs()
  t.ok(exported.length > 40, `${exported.length} codecs are found`)
  for (const codec of exported)
    if (!covered.has(codec) && !EXCLUDED[codec])
      t.fail(`no target names ${codec}: add one beneath scripts/bench/fuzz/targets`)
  for (const codec of Object.keys(EXCLUDED))
    t.ok(exported.includes(codec) && !covered.has(codec), `${codec} is excluded, and is there`)
})

t.test('what targets name is there', async t => {
  for (const { name, covers } of TARGETS)
    for (const codec of covers)
      if (!(await isThere(codec))) t.fail(`${name} names ${codec}, which is not there`)
})

t.test('names', async t => {
  const names = TARGETS.map(({ name }) => name)
  t.equal(new Set(names).size, names.length, 'each target has its own')
  for (const name of await targetsWithInputs())
    t.ok(names.includes(name), `the inputs kept for ${name} are tried`)
})
