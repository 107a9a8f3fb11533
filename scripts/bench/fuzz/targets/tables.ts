import { peerIdFromString } from '@libp2p/peer-id'
import fc, { type Arbitrary } from 'fast-check'
import { Key } from 'interface-datastore'
import { base32 } from 'multiformats/bases/base32'
import * as varint from 'uint8-varint'
import { createEvents } from '../../../../core/events.ts'
import { silentLogger as log } from '../../../../core/logger.ts'
import { type Block, NodeBlocklist } from '../../../../core/network/blocklist.ts'
import { decodePort } from '../../../../core/network/kept-ports.ts'
import { encodePeer, encodeTags } from '../../../../core/state/peer-codec.ts'
import type { KeptPeer } from '../../../../core/state/peer-record.ts'
import { PeerShelf } from '../../../../core/state/peer-shelf.ts'
import { createPeers } from '../../../../core/state/peer-table.ts'
import { PeerTags } from '../../../../core/state/peer-tags.ts'
import { StandingShelf } from '../../../../plugins/reputation/standing-shelf.ts'
import { StandingTable } from '../../../../plugins/reputation/standing-table.ts'
import { placeOf } from '../../../../plugins/routing/dht/key-space.ts'
import { RecordStore } from '../../../../plugins/routing/dht/record-store.ts'
import { DamageList } from '../../../../plugins/verification/damage-list.ts'
import { encodeEntry, entryIn, OneEntryStore, OneRecordStore } from '../stored-entry.ts'
import { type FuzzTarget, fuzzTarget } from '../target.ts'
import {
  multihashes,
  PEERS,
  partial,
  peers,
  record,
  safeIntegers,
  texts,
  textsOf,
  utf8,
  wellFormed,
} from '../values.ts'
import { checkNumbers, JSON_WORDS, keptPeers } from './records.ts'

/** Tables as a start reads them: damage may be in the keys as well as in the values. */

const blocked = new OneEntryStore('blocklist')
const damaged = new OneEntryStore('verification/damaged')
const providers = new OneEntryStore('routing/records')
const shelf = new OneEntryStore('peers')
const tagged = new OneEntryStore('peer-tags')
const uptime = new OneRecordStore('reputation/clock', 'uptime')

/** Of a run that began with both clocks at 0: what a block has left is its whole time. */
interface SavedBlock {
  readonly target: string
  readonly blockedMs: number
  readonly durationMs?: number
  readonly reason?: string
}

function savedBlock({ target, blockedMs, expiresInMs, reason }: Block): SavedBlock {
  return {
    target,
    blockedMs: blockedMs ?? Number.NaN,
    ...(expiresInMs !== undefined && { durationMs: expiresInMs }),
    ...(reason !== undefined && { reason }),
  }
}

interface ProviderRecord {
  readonly hash: Uint8Array
  readonly peer: string
  readonly timeMs: number
}

type RecordsStore = ConstructorParameters<typeof RecordStore>[1]['store']

const events = createEvents(error => {
  throw error
})
const SELF = peerIdFromString(PEERS[0] ?? '')
const OTHER = peerIdFromString(PEERS[1] ?? '')
const PROVIDERS = '/dht/provider'
const PLACE_BYTES = 8
const SOME_HASH = Uint8Array.of(0x12, 32, ...new Uint8Array(32))

function recordsAt(wallMs: number, store: RecordsStore): RecordStore {
  return new RecordStore(
    { maxRecords: 8, self: SELF },
    { store, provides: () => false, isKnown: async () => true, wallMs: () => wallMs },
  )
}

/** What is made of a record by all who read it: a start, kad-dht's clean-up and look-up, and who makes room. */
async function providerIn(store: RecordsStore): Promise<ProviderRecord | undefined> {
  const atTheEnd = recordsAt(Number.POSITIVE_INFINITY, store)
  await atTheEnd.open('/fuzz/kad/1.0.0')
  let found: ProviderRecord | undefined
  for await (const { key, value } of atTheEnd.query({ prefix: PROVIDERS })) {
    const [hash = '', peer = ''] = key.toString().split('/').slice(3)
    found = { hash: base32.baseDecode(hash), peer, timeMs: varint.decode(value) }
  }
  if (!found) return undefined
  const prefix = `${PROVIDERS}/${base32.baseEncode(found.hash)}`
  let providers = 0
  for await (const { key } of recordsAt(0, store).query({ prefix })) {
    if (key.toString() !== `${prefix}/${found.peer}`) throw new Error(`${key} is found, not ${found.peer}`)
    providers++
  }
  if (providers !== 1) throw new Error(`${providers} providers are found of what one provides`)
  await atTheEnd.put(new Key(`${PROVIDERS}/${base32.baseEncode(SOME_HASH)}/${OTHER}`), varint.encode(1))
  return found
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

export const TABLE_TARGETS: readonly FuzzTarget[] = [
  fuzzTarget<SavedBlock>({
    name: 'blocklist',
    covers: ['core/network/blocklist.ts#NodeBlocklist'],
    shape: 'text',
    words: [...JSON_WORDS, 'blockedMs', 'durationMs', 'reason'],
    values: partial(
      {
        target: fc.constantFrom('192.0.2.1', '192.0.2.0/24', '2001:db8::/32', '2001:db8::1', ...PEERS),
        blockedMs: safeIntegers,
        durationMs: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
        reason: texts.map(text => text.slice(0, 256)),
      },
      ['target', 'blockedMs'],
    ) as Arbitrary<SavedBlock>,
    encode: ({ target, ...saved }) => encodeEntry({ key: utf8(target), value: utf8(JSON.stringify(saved)) }),
    async decode(bytes) {
      const store = await blocked.holding(entryIn(bytes))
      const list = new NodeBlocklist({ blocked: [] }, { store, log, wallMs: () => 0, nowMs: () => 0 }).list()
      const [block] = list
      if (!block) return undefined
      checkNumbers(block.blockedMs, block.expiresInMs ?? 0)
      if (!['string', 'undefined'].includes(typeof block.reason)) throw new Error('its reason is no text')
      return savedBlock(block)
    },
    maxInputBytes: 8192,
  }),
  fuzzTarget<number>({
    name: 'kept-port',
    covers: ['core/network/kept-ports.ts#decodePort'],
    shape: 'text',
    words: ['65535', '65536', '0x10', '1e3', '0', '-1', ' 80', 'NaN', 'Infinity', '1.5'],
    values: fc.integer({ min: 1, max: 65_535 }),
    encode: port => utf8(String(port)),
    decode: decodePort,
  }),
  fuzzTarget<{ readonly hash: Uint8Array; readonly foundMs: number }>({
    name: 'damage-list',
    covers: ['plugins/verification/damage-list.ts#DamageList'],
    words: [...JSON_WORDS, 'foundMs'],
    values: record({ hash: multihashes, foundMs: safeIntegers }),
    encode: ({ hash, foundMs }) => encodeEntry({ key: hash, value: utf8(JSON.stringify({ foundMs })) }),
    async decode(bytes) {
      const store = await damaged.holding(entryIn(bytes))
      const list = new DamageList({ maxBlocks: 4 }, { store, log, wallMs: () => 0 })
      list.open()
      await list.settled()
      const [damage] = list.entries()
      if (!damage) return undefined
      checkNumbers(damage.foundMs)
      return { hash: damage.hash, foundMs: damage.foundMs }
    },
    meaningOf: ({ hash, foundMs }) => [hex(hash), foundMs],
    maxInputBytes: 4096,
  }),
  fuzzTarget<ProviderRecord>({
    name: 'provider-record',
    covers: ['plugins/routing/dht/record-store.ts#RecordStore'],
    values: record({ hash: multihashes, peer: peers, timeMs: fc.integer({ min: 1, max: 2 ** 45 }) }),
    encode: ({ hash, peer, timeMs }) =>
      encodeEntry({
        key: Buffer.concat([
          placeOf(hash).subarray(0, PLACE_BYTES),
          hash,
          peerIdFromString(peer).toMultihash().bytes,
        ]),
        value: varint.encode(timeMs),
      }),
    decode: async bytes => providerIn(await providers.holding(entryIn(bytes))),
    meaningOf: ({ hash, ...rest }) => ({ ...rest, hash: hex(hash) }),
    maxInputBytes: 1024,
  }),
  fuzzTarget<KeptPeer>({
    name: 'peer-shelf',
    covers: ['core/state/peer-shelf.ts#PeerShelf', 'core/state/peer-table.ts#createPeers'],
    shape: 'protobuf',
    values: fc.tuple(peers, keptPeers).map(([peer, kept]) => ({ ...kept, peer })),
    encode: kept => encodeEntry({ key: utf8(kept.peer), value: encodePeer(kept) }),
    async decode(bytes) {
      const keeper = await PeerShelf.open({ store: await shelf.holding(entryIn(bytes)), log })
      const table = createPeers({ maxPeers: 2 }, { events, keeper })
      for (const { addresses } of table.remembered()) for (const address of addresses) address.toString()
      const [peer] = keeper.kept
      if (table.list().length !== keeper.kept.length) throw new Error('the table has not what is kept')
      if (peer) checkNumbers(peer.rank, peer.lastSeenMs ?? 0)
      return peer
    },
    meaningOf: wellFormed,
    maxInputBytes: 8192,
  }),
  fuzzTarget<{ readonly peer: string; readonly tags: Readonly<Record<string, number>> }>({
    name: 'tagged-peer',
    covers: ['core/state/peer-tags.ts#PeerTags'],
    shape: 'protobuf',
    values: record({
      peer: peers,
      tags: fc.dictionary(textsOf('abc', { minLength: 1 }), fc.integer({ min: 1, max: 100 }), {
        maxKeys: 4,
        noNullPrototype: true,
      }),
    }),
    encode: ({ peer, tags }) => encodeEntry({ key: utf8(peer), value: encodeTags(tags) }),
    async decode(bytes) {
      const tags = new PeerTags(await tagged.holding(entryIn(bytes)))
      tags.follow((_peer, _name, value) => checkNumbers(value))
      const [peer] = tags.peers()
      return peer === undefined ? undefined : { peer, tags: tags.of(peer) }
    },
    meaningOf: ({ peer, tags }) => [peer, Object.entries(wellFormed(tags))],
    maxInputBytes: 8192,
  }),
  fuzzTarget<number>({
    name: 'uptime',
    covers: ['plugins/reputation/standing-shelf.ts#StandingShelf'],
    shape: 'text',
    words: ['0x10', '1e3', '1e999', '-1', ' 80', 'NaN', 'Infinity', '1.5'],
    values: safeIntegers,
    encode: uptimeMs => utf8(String(uptimeMs)),
    async decode(bytes) {
      const store = await uptime.holding(bytes)
      const uptimeMs = new StandingShelf({ store, log }).load(new StandingTable({ maxPeers: 1 }))
      if (!(Number.isFinite(uptimeMs) && uptimeMs >= 0)) throw new Error(`${uptimeMs} is no time`)
      return uptimeMs
    },
    toValue: uptimeMs => (uptimeMs <= Number.MAX_SAFE_INTEGER ? uptimeMs : undefined),
  }),
]
