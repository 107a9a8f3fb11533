import t from 'tap'
import type { FirstCipher } from '../../../core/network/ciphers.ts'
import { collect, encrypter, rawPair, securePair } from './raw-connections.ts'

/** A node: one with AES instructions, one without, or js-libp2p with its own TLS, which offers AES-256 first. */
type Kind = FirstCipher | 'stock'

const CIPHERS: Record<number, string> = { 4865: 'AES-128-GCM', 4866: 'AES-256-GCM', 4867: 'ChaCha20' }

/** What the server chose, from its ServerHello: https://www.rfc-editor.org/rfc/rfc8446#section-4.1.3 */
function chosenCipher(down: Buffer): string | undefined {
  const RECORD_HEADER_BYTES = 5
  const BEFORE_SESSION_ID_BYTES = 4 + 2 + 32
  const sessionId = RECORD_HEADER_BYTES + BEFORE_SESSION_ID_BYTES
  return CIPHERS[down.readUInt16BE(sessionId + 1 + down.readUInt8(sessionId))]
}

const make = (kind: Kind) =>
  encrypter(kind === 'stock' ? 'stock' : 'native', kind === 'stock' ? {} : { firstCipher: kind })

const table: [client: Kind, server: Kind, cipher: string][] = [
  ['aes', 'aes', 'AES-128-GCM'],
  ['chacha20', 'aes', 'ChaCha20'],
  ['aes', 'chacha20', 'ChaCha20'],
  ['chacha20', 'chacha20', 'ChaCha20'],
  ['chacha20', 'stock', 'ChaCha20'],
  ['stock', 'chacha20', 'ChaCha20'],
  ['aes', 'stock', 'AES-128-GCM'],
  ['stock', 'aes', 'AES-256-GCM'],
]

for (const [client, server, cipher] of table) {
  t.test(`${client} first dials ${server} first: ${cipher}`, async t => {
    const pair = await rawPair(t)
    const ends = await securePair(pair, { client: await make(client), server: await make(server) })
    t.equal(chosenCipher(pair.relay.seen('down')), cipher)
    for (const [from, to] of [
      [ends.client, ends.server],
      [ends.server, ends.client],
    ] as const) {
      from.connection.send(Buffer.from('hello'))
      t.same(await collect(to.connection).upTo(5), Buffer.from('hello'))
    }
  })
}
