import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import fc, { type Arbitrary } from 'fast-check'
import { recordsOf } from '../../../../plugins/routing/delegated/answer.ts'
import { parseRecord } from '../../../../plugins/routing/delegated/delegated-routers.ts'
import type { FoundPeer } from '../../../../plugins/routing/search/source.ts'
import { type FuzzTarget, fuzzTarget } from '../target.ts'
import { addresses, PEERS, peers, record, utf8 } from '../values.ts'

/** What a server of delegated routing answers: by lines, or all at once. */
interface Answer {
  readonly areLines: boolean
  readonly found: readonly { readonly peer: string; readonly addresses: readonly string[] }[]
}

const answers: Arbitrary<Answer> = record({
  areLines: fc.boolean(),
  found: fc.array(
    record({
      peer: peers,
      addresses: fc.uniqueArray(
        addresses.map(String).filter(text => !/\/p2p\/[^/]+$/.test(text)),
        { maxLength: 4 },
      ),
    }),
    { maxLength: 4 },
  ),
})

const TYPES = ['application/json', 'application/x-ndjson']

/** Which of the types it has, how large the pieces are in which it comes, and those. */
function encodeAnswer({ areLines, found }: Answer): Uint8Array {
  const records = found.map(({ peer, addresses }) => ({ Schema: 'peer', ID: peer, Addrs: addresses }))
  const body = areLines
    ? records.map(record => `${JSON.stringify(record)}\n`).join('')
    : JSON.stringify({ Providers: records })
  return Buffer.concat([Buffer.of(Number(areLines), 200), utf8(body)])
}

function responseOf(bytes: Uint8Array): IncomingMessage {
  const [type = 0, size = 0] = bytes
  const response = new IncomingMessage(new Socket())
  response.statusCode = 200
  response.headers = { 'content-type': TYPES[type % TYPES.length] }
  const pieceBytes = 1 + size * 64
  for (let at = 2; at < bytes.length; at += pieceBytes) response.push(bytes.slice(at, at + pieceBytes))
  response.push(null)
  return response
}

async function foundBy(bytes: Uint8Array): Promise<FoundPeer[]> {
  const found: FoundPeer[] = []
  for await (const told of recordsOf(responseOf(bytes), {
    list: 'Providers',
    origin: 'http://router.example',
  })) {
    const peer = parseRecord(told)
    if (!peer) continue
    // Addresses are read no further than they must be: who takes them has their bytes made.
    for (const address of peer.addresses) if (address.bytes.length === 0) throw new Error('it is empty')
    found.push(peer)
  }
  return found
}

export const DELEGATED_TARGETS: readonly FuzzTarget[] = [
  fuzzTarget<Answer, FoundPeer[]>({
    name: 'delegated-answer',
    covers: [
      'plugins/routing/delegated/answer.ts#recordsOf',
      'plugins/routing/delegated/delegated-routers.ts#parseRecord',
    ],
    shape: 'text',
    words: ['"ID":"', '"Addrs":[', '"Providers":', '/p2p/', '\n', '{}', 'null', '[]', ...PEERS],
    values: answers,
    encode: encodeAnswer,
    decode: foundBy,
    toValue: found => ({
      areLines: true,
      found: found.map(({ peer, addresses }) => ({
        peer: peer.toString(),
        addresses: addresses.map(String),
      })),
    }),
    // How they came is not seen any more.
    meaningOf: ({ found }) => found,
    mayThrow: ['ROUTER_FAILED'],
  }),
]
