import fc from 'fast-check'
import t from 'tap'
import {
  advance,
  amplificationOf,
  bytesPerDay,
  cardLife,
  chooseSource,
  decodeTallies,
  EMPTY_TALLY,
  encodeTallies,
  judgeLife,
  type WriteCounters,
  type WriteTallies,
} from '../../../core/resources/wear.ts'

const MIB = 1024 * 1024
const GB = 1e9
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** Counters as they are seen one after the other, `everyMs` apart. */
function follow(
  looks: readonly WriteCounters[],
  { everyMs = MINUTE_MS, logicalBytes = 0, from = {} as WriteTallies } = {},
): WriteTallies {
  return looks.reduce<{ tallies: WriteTallies; before: WriteCounters }>(
    ({ tallies, before }, after) => ({
      tallies: advance(tallies, { elapsedMs: everyMs, before, after, logicalBytes }),
      before: after,
    }),
    { tallies: from, before: {} },
  ).tallies
}

/** A steady pace of the device for so long. */
const steady = (bytesADay: number, days: number, from?: WriteTallies): WriteTallies =>
  follow(
    Array.from({ length: days * 24 + 1 }, (_, hour) => ({ device: (bytesADay / 24) * hour })),
    { everyMs: HOUR_MS, from },
  )

t.test('what counters say is added up, wherever they begin', async t => {
  const cases: readonly [name: string, looks: readonly WriteCounters[], written: number | undefined][] = [
    ['the first look is where it begins', [{ device: 5000 }], undefined],
    ['the difference counts', [{ device: 5000 }, { device: 5300 }, { device: 5300 }, { device: 5301 }], 301],
    [
      'a counter set back counts from there',
      [{ device: 5000 }, { device: 5300 }, { device: 100 }, { device: 150 }],
      350,
    ],
    ['a counter that wraps', [{ device: 2 ** 32 - 10 }, { device: 20 }, { device: 30 }], 10],
    ['one that jumps back a little', [{ device: 5000 }, { device: 4999 }, { device: 5001 }], 2],
    ['one that is gone for a while', [{ device: 5000 }, {}, { device: 9000 }, { device: 9001 }], 1],
  ]
  for (const [name, looks, written] of cases) t.equal(follow(looks).device?.writtenBytes, written, name)
})

t.test('a tally never shrinks, and is at most what the counter rose', async t => {
  await fc.assert(
    fc.property(fc.array(fc.nat(1e9), { minLength: 2, maxLength: 50 }), values => {
      let tallies: WriteTallies = {}
      let rise = 0
      let [before = 0] = values
      for (const after of values.slice(1)) {
        const earlier = tallies.device?.writtenBytes ?? 0
        tallies = advance(tallies, {
          elapsedMs: 1000,
          before: { device: before },
          after: { device: after },
          logicalBytes: 0,
        })
        const now = tallies.device?.writtenBytes ?? 0
        if (now < earlier) throw new Error('it shrank')
        rise += Math.max(0, after - before)
        before = after
      }
      return tallies.device?.writtenBytes === rise && tallies.device.observedMs === 1000 * (values.length - 1)
    }),
  )
  t.pass('whatever it says')
})

t.test('the pace of a day: exact where it is steady, however often one looks', async t => {
  await fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 10 * GB }),
      fc.array(fc.integer({ min: 1, max: 6 * HOUR_MS }), { minLength: 20, maxLength: 200 }),
      (bytesADay, steps) => {
        let tallies: WriteTallies = {}
        let atMs = 0
        for (const elapsedMs of [...steps, 10 * MINUTE_MS]) {
          const [before, after] = [atMs, atMs + elapsedMs].map(ms => ({ device: (ms / DAY_MS) * bytesADay }))
          tallies = advance(tallies, { elapsedMs, before: before ?? {}, after: after ?? {}, logicalBytes: 0 })
          atMs += elapsedMs
        }
        const rate = tallies.device && bytesPerDay(tallies.device)
        return rate !== null && rate !== undefined && Math.abs(rate - bytesADay) <= bytesADay * 1e-6 + 1e-3
      },
    ),
  )
  t.equal(
    bytesPerDay(follow([{ device: 0 }, { device: GB }]).device ?? EMPTY_TALLY),
    null,
    'too early to tell',
  )
})

t.test('a new pace is known within some weeks, one busy hour does not look like a habit', async t => {
  const quiet = steady(1 * GB, 30)
  const paceAfter = (days: number): number =>
    bytesPerDay(steady(10 * GB, days, quiet).device ?? EMPTY_TALLY) ?? 0
  t.ok(paceAfter(1) < 2.5 * GB, `a day: ${paceAfter(1)}`)
  t.ok(paceAfter(7) > 6 * GB, `a week: ${paceAfter(7)}`)
  t.ok(paceAfter(28) > 9.7 * GB, `four: ${paceAfter(28)}`)
})

t.test('the source: the best one that sees what this node stores', async t => {
  const stored = (writes: WriteCounters, logicalBytes: number): WriteTallies =>
    advance(
      {},
      {
        elapsedMs: 1000,
        before: Object.fromEntries(Object.keys(writes).map(name => [name, 0])),
        after: writes,
        logicalBytes,
      },
    )
  const all = { cgroup: 70 * MIB, device: 300 * MIB, process: 190 * MIB }
  t.equal(chooseSource({}), undefined)
  t.equal(chooseSource(stored(all, 64 * MIB)), 'cgroup')
  t.equal(chooseSource(stored({ device: 300 * MIB, process: 190 * MIB }, 64 * MIB)), 'device')
  t.equal(chooseSource(stored({ process: 190 * MIB }, 64 * MIB)), 'process')
  t.equal(chooseSource(stored({ ...all, cgroup: 0 }, 0)), 'cgroup', 'nothing stored says nothing')
  t.equal(chooseSource(stored({ ...all, cgroup: 0 }, MIB)), 'cgroup', 'and little hardly more')
  t.equal(
    chooseSource(stored({ ...all, cgroup: 5 * MIB }, 64 * MIB)),
    'device',
    'it counts the writes of others',
  )
  t.equal(chooseSource(stored({ cgroup: 0, device: 0, process: 70 * MIB }, 64 * MIB)), 'process')
  t.equal(
    chooseSource(stored({ cgroup: 0, device: 0, process: 0 }, 64 * MIB)),
    'process',
    'a compressing disk, say',
  )
})

t.test('amplification', async t => {
  const looks = (written: number): WriteCounters[] => [{ cgroup: 0 }, { cgroup: written }]
  const tallyOf = (written: number, logicalBytes: number) =>
    follow(looks(written), { logicalBytes }).cgroup ?? EMPTY_TALLY
  t.equal(amplificationOf(tallyOf(130 * MIB, 100 * MIB)), 1.3)
  t.equal(amplificationOf(tallyOf(130 * MIB, 1000)), null, 'of nearly nothing it would be huge')
})

t.test('what a card has left', async t => {
  const ratedBytes = 1000 * GB
  const after = (days: number): ReturnType<typeof cardLife> =>
    cardLife(steady(10 * GB, days), 'device', ratedBytes)
  t.equal(Math.round(after(2).daysLeft ?? 0), 98)
  t.equal(Math.round(after(50).daysLeft ?? 0), 50)
  t.equal(after(101).daysLeft, 0, 'worn out')
  t.match(cardLife(steady(10 * GB, 0.5), 'device', ratedBytes), { daysLeft: null }, 'not before a day')
  t.equal(cardLife(steady(0, 2), 'device', ratedBytes).daysLeft, null, 'what is never written to lasts')
  t.match(cardLife({}, 'process', ratedBytes), { writtenBytes: 0, writtenBytesPerDay: null, daysLeft: null })

  const both = follow(
    Array.from({ length: 49 }, (_, hour) => ({ cgroup: hour * MIB, device: (hour / 24) * 10 * GB })),
    { everyMs: HOUR_MS },
  )
  t.equal(Math.round(cardLife(both, 'cgroup', ratedBytes).daysLeft ?? 0), 98, 'others wear it, too')
  const own = follow(
    Array.from({ length: 49 }, (_, hour) => ({ process: (hour / 24) * 10 * GB })),
    { everyMs: HOUR_MS },
  )
  t.equal(Math.round(cardLife(own, 'process', ratedBytes).daysLeft ?? 0), 98)
})

t.test('health', async t => {
  const life = cardLife(steady(10 * GB, 2), 'device', 1000 * GB)
  t.equal(judgeLife(life, 90 * DAY_MS).status, 'ok')
  t.equal(judgeLife(life, 0).status, 'ok')
  t.match(judgeLife(life, 365 * DAY_MS), {
    status: 'degraded',
    reason: /10000 MB a day.*worn out in 9[78] days/,
  })
  t.equal(judgeLife({ ...life, daysLeft: null }, 365 * DAY_MS).status, 'ok', 'unknown is no alarm')
  t.equal(judgeLife({ ...life, daysLeft: 0 }, 1).status, 'degraded')
  t.equal(judgeLife({ ...life, daysLeft: 0 }, 0).status, 'ok', 'unless nobody wants to know')
})

t.test('a record is read as it was written, and nothing else is', async t => {
  const tallies = follow([
    { cgroup: 1, device: 2, process: 3 },
    { cgroup: 10, device: 20, process: 30 },
  ])
  const text = encodeTallies(tallies)
  t.same(decodeTallies(text), tallies)
  t.ok(text.length < 600, `${text.length} bytes`)
  const broken = [
    'nonsense',
    '{}',
    '{"version":2,"tallies":{}}',
    '{"version":1}',
    '{"version":1,"tallies":{"device":{}}}',
    '{"version":1,"tallies":{"device":null}}',
    text.replace(/"writtenBytes":\d+/, '"writtenBytes":-1'),
    text.replace(/"observedMs":\d+/, '"observedMs":"1"'),
  ]
  for (const other of broken) t.throws(() => decodeTallies(other), { name: /^(Type|Syntax)Error$/ }, other)
})
