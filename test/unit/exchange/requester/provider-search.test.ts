import { randomBytes } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import type { CID } from 'multiformats/cid'
import t from 'tap'
import type { Provider, Routing } from '../../../../core/api.ts'
import { cidOf } from '../../../../core/content/hashes.ts'
import { silentLogger } from '../../../../core/logger.ts'
import { ProviderSearch } from '../../../../plugins/exchange/requester/provider-search.ts'
import { eventually } from '../../../helpers/eventually.ts'

const RAW = 0x55
const MINUTE_MS = 60_000

type Dial = (signal: AbortSignal) => Promise<void>

const answers: Dial = async () => undefined
const fails: Dial = async () => {
  await nextTurn()
  throw new Error('nobody is there')
}
const hangs: Dial = signal =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

function someCid(): CID {
  return cidOf(RAW, new Uint8Array(randomBytes(32)))
}

async function someProviders(count: number): Promise<Provider[]> {
  const keys = await Promise.all(Array.from({ length: count }, () => generateKeyPair('Ed25519')))
  return keys.map(key => ({ peer: peerIdFromPrivateKey(key), addresses: [], source: 'dht' }) as Provider)
}

/** A search whose routing knows `providers`, and whose network dials as `dial` does; `now` is its clock. */
function searchWith(providers: readonly Provider[], dial: Dial) {
  const seen = { dials: 0, dialing: 0, mostDialing: 0, searches: 0, ended: 0, nowMs: 0 }
  const routing: Partial<Routing> = {
    async *findProviders() {
      seen.searches += 1
      yield* providers
      seen.ended += 1
    },
  }
  const search = new ProviderSearch({
    routing: () => routing as Routing,
    network: {
      connections: () => [],
      async dial(_peer, options) {
        seen.dials += 1
        seen.dialing += 1
        seen.mostDialing = Math.max(seen.mostDialing, seen.dialing)
        try {
          await dial((options as { signal: AbortSignal }).signal)
        } finally {
          seen.dialing -= 1
        }
        return undefined as never
      },
    },
    log: silentLogger,
    now: () => seen.nowMs,
  })
  return { search, seen }
}

/** Resolves when what is looked for the session is over. */
async function settled(search: ProviderSearch, session: object, cid: CID): Promise<void> {
  await eventually('the end of the search', () => (search.seek(session, [cid]) ? undefined : true))
}

t.test('at most eight providers are dialed, four at a time', async t => {
  const { search, seen } = searchWith(await someProviders(20), fails)
  const session = {}
  t.equal(search.seek(session, [someCid()]), true)
  await settled(search, session, someCid())
  t.equal(seen.dials, 8)
  t.equal(seen.mostDialing, 4)
})

t.test('a dial that hangs holds its place, and ends with its session', async t => {
  const { search, seen } = searchWith(await someProviders(20), hangs)
  const session = {}
  search.seek(session, [someCid()])
  await eventually('four dials', () => (seen.dialing === 4 ? true : undefined))
  search.end(session)
  await eventually('their end', () => (seen.dialing === 0 ? true : undefined))
  t.equal(seen.dials, 4)
})

t.test('nobody else is dialed once enough answered', async t => {
  const { search, seen } = searchWith(await someProviders(20), answers)
  const session = {}
  search.seek(session, [someCid()])
  await settled(search, session, someCid())
  t.ok(seen.dials >= 3 && seen.dials <= 7, `${seen.dials}: three, and those under way by then`)
})

t.test('a session looks again after a pause, and providers that were not there are left alone', async t => {
  const { search, seen } = searchWith(await someProviders(2), fails)
  const session = {}
  search.seek(session, [someCid()])
  await settled(search, session, someCid())
  t.equal(seen.dials, 2)

  seen.nowMs = MINUTE_MS - 1
  t.equal(search.seek(session, [someCid()]), false, 'too early')
  const other = {}
  t.equal(search.seek(other, [someCid()]), true)
  await settled(search, other, someCid())
  t.equal(seen.searches, 2)
  t.equal(seen.dials, 2, 'whoever asks')

  seen.nowMs = MINUTE_MS
  t.equal(search.seek(session, [someCid()]), true)
  await settled(search, session, someCid())
  t.equal(seen.dials, 4)
})

t.test('sixteen search at a time; others are told that nobody does, and may ask again', async t => {
  const { search, seen } = searchWith(await someProviders(1), hangs)
  const sessions = Array.from({ length: 16 }, () => ({}))
  for (const session of sessions) t.equal(search.seek(session, [someCid()]), true)
  const late = {}
  t.equal(search.seek(late, [someCid()]), false)
  search.end(sessions[0] as object)
  await eventually('a place', () => (search.seek(late, [someCid()]) ? true : undefined))
  search.stop()
  await eventually('the end of all', () => (seen.dialing === 0 ? true : undefined))
})
