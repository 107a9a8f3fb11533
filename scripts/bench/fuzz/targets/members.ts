import fc from 'fast-check'
import {
  FINGERPRINT_BYTES,
  packFingerprints,
  unpackFingerprints,
} from '../../../../plugins/routing/members/fingerprint.ts'
import {
  decodeSubscribe,
  decodeUpdate,
  encodeSubscribe,
  encodeUpdate,
  type SubscribeMessage,
  type UpdateMessage,
} from '../../../../plugins/routing/members/wire/codec.ts'
import { type FuzzTarget, fuzzTarget } from '../target.ts'
import { record, uint32s } from '../values.ts'

const epochs = fc.uint8Array({ minLength: 8, maxLength: 8 }).map(bytes => Uint8Array.from(bytes))
const fingerprints = fc.integer({ min: 1, max: 2 ** 48 - 1 })
const packed = fc.array(fingerprints, { maxLength: 8 }).map(packFingerprints)

const subscriptions: fc.Arbitrary<SubscribeMessage> = fc.oneof(
  record({ maxBlocks: uint32s }),
  record({ maxBlocks: uint32s, known: record({ epoch: epochs, sequence: uint32s }) }),
)

const updates: fc.Arbitrary<UpdateMessage> = fc.oneof(
  record({
    kind: fc.constant('start' as const),
    epoch: epochs,
    sequence: uint32s,
    snapshot: fc.boolean(),
    blocks: uint32s,
  }),
  record({ kind: fc.constant('part' as const), added: packed, complete: fc.boolean() }).filter(
    ({ added, complete }) => added.length > 0 || complete,
  ),
  record({
    kind: fc.constant('change' as const),
    sequence: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
    added: packed,
    removed: packed,
  }).filter(({ added, removed }) => added.length + removed.length > 0),
)

export const MEMBERS_TARGETS: readonly FuzzTarget[] = [
  fuzzTarget<SubscribeMessage>({
    name: 'index-subscribe',
    covers: [
      'plugins/routing/members/wire/codec.ts#decodeSubscribe',
      'plugins/routing/members/wire/index.proto#Subscribe',
    ],
    shape: 'protobuf',
    values: subscriptions,
    encode: encodeSubscribe,
    decode: decodeSubscribe,
    mayThrow: ['INDEX_VIOLATION'],
  }),
  fuzzTarget<UpdateMessage>({
    name: 'index-update',
    covers: [
      'plugins/routing/members/wire/codec.ts#decodeUpdate',
      'plugins/routing/members/wire/index.proto#Update',
    ],
    shape: 'protobuf',
    values: updates,
    encode: encodeUpdate,
    decode: decodeUpdate,
    mayThrow: ['INDEX_VIOLATION'],
    meaningOf: message =>
      Object.entries(message).map(([key, value]) => [
        key,
        value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
      ]),
  }),
  fuzzTarget<readonly number[]>({
    name: 'fingerprints',
    covers: ['plugins/routing/members/fingerprint.ts#unpackFingerprints'],
    values: fc.array(fingerprints, { maxLength: 16 }),
    encode: packFingerprints,
    // Whole ones: the message that has them is checked before.
    decode: bytes => [
      ...unpackFingerprints(bytes.subarray(0, bytes.length - (bytes.length % FINGERPRINT_BYTES))),
    ],
  }),
]
