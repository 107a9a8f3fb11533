import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { silentLogger } from '../../../core/logger.ts'
import { createMemoryStorage } from '../../../core/storage/memory.ts'
import { type Ban, BanList, decodeBan } from '../../../plugins/reputation/ban-list.ts'
import { EVIDENCE_KINDS } from '../../../plugins/reputation/evidence.ts'
import { credited, NO_STANDING, reported, type Standing } from '../../../plugins/reputation/standing.ts'
import { decodeStanding, encodeStanding } from '../../../plugins/reputation/standing-codec.ts'
import { StandingTable } from '../../../plugins/reputation/standing-table.ts'
import { Uptime } from '../../../plugins/reputation/uptime.ts'

const DAY_MS = 86_400_000

const banOf = (madeMs: number, untilMs: number): Ban => ({
  kind: 'overload',
  detail: 'too many',
  madeMs,
  untilMs,
  times: 1,
})

t.test('a full table loses those against whom least is known, and no evil', async t => {
  const table = new StandingTable({ maxPeers: 16 })
  const forged = reported(NO_STANDING, { kind: 'invalid-block', detail: '' }, 0).standing
  table.set('forger', forged, 0)
  for (let at = 0; at < 200; at++) {
    const standing = reported(NO_STANDING, { kind: 'overload', detail: '' }, at).standing
    table.set(`flood ${at}`, standing, at)
    t.ok(table.size <= 16)
  }
  t.ok(table.has('forger'))
  t.ok(table.has('flood 199'))
  t.notOk(table.has('flood 0'))
  const changed = new Map(table.takeChanged())
  t.equal(changed.get('flood 0'), undefined, 'who left leaves the disk')
  t.ok(changed.has('flood 0'))
  t.same(changed.get('forger'), forged)
  t.same(table.takeChanged(), [])
})

t.test('bans end, are remembered, and are forgotten a month after', async t => {
  const storage = createMemoryStorage({ maxBytes: 1024 ** 3 })
  const bans = new BanList({ maxBans: 10 }, { store: storage.index, log: silentLogger })
  bans.add('p', banOf(0, 1000))
  t.ok(bans.active('p', 999))
  t.notOk(bans.active('p', 1000))
  t.match(bans.get('p'), { times: 1 }, 'an ended one makes the next longer')
  bans.review(1000 + 30 * DAY_MS)
  t.ok(bans.get('p'))
  bans.review(1001 + 30 * DAY_MS)
  t.notOk(bans.get('p'))
})

t.test('a full list loses ended bans first, then the one that ends first', async t => {
  const storage = createMemoryStorage({ maxBytes: 1024 ** 3 })
  const bans = new BanList({ maxBans: 3 }, { store: storage.index, log: silentLogger })
  bans.add('long', banOf(0, 9000))
  bans.add('ended', banOf(0, 10))
  bans.add('short', banOf(0, 500))
  bans.add('new', banOf(100, 600))
  t.same(
    bans.list(100).map(([peer]) => peer),
    ['long', 'short', 'new'],
  )
  bans.add('newer', banOf(100, 700))
  t.same(
    bans.list(100).map(([peer]) => peer),
    ['long', 'new', 'newer'],
  )
  await bans.save()
  const again = new BanList({ maxBans: 3 }, { store: storage.index, log: silentLogger })
  t.equal(again.open(), 100, 'the latest time in it')
  t.same(
    again
      .list(100)
      .map(([peer]) => peer)
      .sort(),
    ['long', 'new', 'newer'],
  )
})

t.test('what could not be written is told, kept, and written next time', async t => {
  const storage = createMemoryStorage({ maxBytes: 1024 ** 3 })
  let isBroken = true
  const store = {
    bucket: (name: string) => storage.index.bucket(name),
    write: (async change => {
      if (isBroken) throw new Error('no space')
      return storage.index.write(change)
    }) as typeof storage.index.write,
  }
  const bans = new BanList({ maxBans: 3 }, { store, log: silentLogger })
  bans.add('p', banOf(0, 1000))
  await t.rejects(bans.save(), /no space/)
  t.equal(bans.failure, 'no space')
  isBroken = false
  t.ok(bans.review(0), 'there is something to save')
  await bans.save()
  t.equal(bans.failure, undefined)
  t.equal(storage.index.bucket('reputation/bans').size(), 1)
})

t.test('a standing is read as it was written', async () => {
  const standing = fc
    .array(fc.tuple(fc.constantFrom(...EVIDENCE_KINDS), fc.string(), fc.integer({ min: 0, max: 2 ** 45 })))
    .map(reports =>
      reports.reduce<Standing>(
        (before, [kind, detail, atMs]) =>
          credited(reported(before, { kind, detail }, atMs).standing, 1 + atMs, atMs),
        NO_STANDING,
      ),
    )
  fc.assert(
    fc.property(standing, before => {
      const bytes = encodeStanding(before)
      return isDeepStrictEqual(decodeStanding(bytes), JSON.parse(Buffer.from(bytes).toString()))
    }),
  )
})

t.test('arbitrary bytes are no standing and no ban, and break nothing', async t => {
  fc.assert(fc.property(fc.uint8Array(), bytes => decodeStanding(bytes) === undefined))
  fc.assert(fc.property(fc.uint8Array(), bytes => decodeBan(bytes) === undefined))
  fc.assert(
    fc.property(fc.json(), text => {
      decodeStanding(Buffer.from(text))
      decodeBan(Buffer.from(text))
    }),
  )
  const bad = [
    '{"verifiedBytes":-1,"tallies":{}}',
    '{"verifiedBytes":1,"tallies":{"timeout":{}}}',
    '{"verifiedBytes":1,"tallies":null}',
    `{"verifiedBytes":1,"tallies":{}}${' '.repeat(10_000)}`,
  ]
  for (const text of bad) t.equal(decodeStanding(Buffer.from(text)), undefined, text.slice(0, 60))
  t.match(decodeStanding(Buffer.from('{"verifiedBytes":1,"tallies":{"gossip":{}}}')), { tallies: {} })
})

t.test('uptime goes on where it was, and only while the node runs', async t => {
  let monotonicMs = 5000
  const uptime = new Uptime(() => monotonicMs)
  uptime.resume(100)
  t.equal(uptime.nowMs(), 100)
  monotonicMs += 50
  t.equal(uptime.nowMs(), 150)
})
