import fc from 'fast-check'
import type { CID } from 'multiformats/cid'
import {
  type BitswapBlock,
  type BitswapEntry,
  type BitswapMessage,
  type BitswapPresence,
  decodeBitswap,
  encodeBitswap,
  WantType,
} from '../../../../plugins/exchange/wire/bitswap-codec.ts'
import {
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
  Mode,
  type ReplyMessage,
  type RequestMessage,
  Status,
} from '../../../../plugins/exchange/wire/codec.ts'
import { type FuzzTarget, fuzzTarget } from '../target.ts'
import { anyCids, bytesOf, record, smallBytes, uint32s } from '../values.ts'

/** protons puts a codec among the values of an enum. */
const modes = Object.values(Mode).filter(mode => typeof mode === 'string')
const statuses = Object.values(Status).filter(status => typeof status === 'string')
const wantTypes = Object.values(WantType).filter(type => typeof type === 'string')

const requests = record({
  wants: fc.array(
    record({
      id: uint32s,
      cid: anyCids,
      mode: fc.constantFrom(...modes),
      sizeHint: uint32s,
      patient: fc.boolean(),
    }),
    { maxLength: 6 },
  ),
  cancels: fc.array(uint32s, { maxLength: 6 }),
}).filter(({ wants, cancels }) => wants.length + cancels.length > 0)

const replies = record({
  answers: fc.array(
    record({ id: uint32s, status: fc.constantFrom(...statuses), length: fc.nat(2 * 1024 * 1024) }).map(
      answer => ({ ...answer, length: answer.status === Status.OK ? answer.length : 0 }),
    ),
    { maxLength: 6 },
  ),
  haveUpdates: fc.array(anyCids, { maxLength: 4 }),
}).filter(({ answers, haveUpdates }) => answers.length + haveUpdates.length > 0)

interface Bitswap {
  readonly entries: readonly BitswapEntry[]
  readonly full: boolean
  readonly blocks: readonly { readonly cid: CID; readonly data: Uint8Array }[]
  readonly presences: readonly BitswapPresence[]
}

const bitswapMessages: fc.Arbitrary<Bitswap> = record({
  entries: fc.array(
    record({
      cid: anyCids,
      priority: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      cancel: fc.boolean(),
      type: fc.constantFrom(...wantTypes),
      sendDontHave: fc.boolean(),
    }),
    { maxLength: 4 },
  ),
  full: fc.boolean(),
  blocks: fc.array(record({ cid: anyCids, data: smallBytes }), { maxLength: 3 }),
  presences: fc.array(record({ cid: anyCids, held: fc.boolean() }), { maxLength: 4 }),
})

/** Of a block comes back what finds its CID again, not the CID. */
function prefixed({ version, codec, hashCode, digestBytes, data }: BitswapBlock): Bitswap['blocks'][number] {
  return { cid: { version, code: codec, multihash: { code: hashCode, size: digestBytes } } as CID, data }
}

export const EXCHANGE_TARGETS: readonly FuzzTarget[] = [
  fuzzTarget<RequestMessage>({
    name: 'blocks-request',
    covers: ['plugins/exchange/wire/codec.ts#decodeRequest', 'plugins/exchange/wire/blocks.proto#Request'],
    shape: 'protobuf',
    values: requests,
    encode: encodeRequest,
    decode: decodeRequest,
    mayThrow: ['PROTOCOL_VIOLATION'],
    meaningOf: ({ wants, cancels }) => [
      wants.map(({ cid, patient, ...want }) => ({ ...want, patient: patient === true, cid: bytesOf(cid) })),
      cancels,
    ],
  }),
  fuzzTarget<ReplyMessage>({
    name: 'blocks-reply',
    covers: ['plugins/exchange/wire/codec.ts#decodeReply', 'plugins/exchange/wire/blocks.proto#Reply'],
    shape: 'protobuf',
    values: replies,
    encode: encodeReply,
    decode: decodeReply,
    mayThrow: ['PROTOCOL_VIOLATION'],
    meaningOf: ({ answers, haveUpdates }) => [answers, haveUpdates.map(bytesOf)],
  }),
  fuzzTarget<Bitswap, BitswapMessage>({
    name: 'bitswap-message',
    covers: [
      'plugins/exchange/wire/bitswap-codec.ts#decodeBitswap',
      'plugins/exchange/wire/bitswap.proto#Message',
    ],
    shape: 'protobuf',
    values: bitswapMessages,
    encode: encodeBitswap,
    decode: decodeBitswap,
    toValue: message => ({ ...message, blocks: message.blocks.map(prefixed) }),
    mayThrow: ['PROTOCOL_VIOLATION'],
    meaningOf: ({ entries, full, blocks, presences }) => [
      entries.map(entry => ({ ...entry, cid: bytesOf(entry.cid) })),
      full,
      blocks.map(({ cid: { version, code, multihash }, data }) => [
        version,
        code,
        multihash.code,
        multihash.size,
        Buffer.from(data).toString('hex'),
      ]),
      presences.map(({ cid, held }) => [bytesOf(cid), held]),
    ],
  }),
]
