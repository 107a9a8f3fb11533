import { ok } from 'node:assert/strict'
import { privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import fc from 'fast-check'
import { isOwnHost, isSameOrigin } from '../../../../core/control/http-origin.ts'
import { clientHost } from '../../../../core/control/tcp/client-host.ts'
import { Tokens } from '../../../../core/control/tokens/tokens.ts'
import { exportOwnerKey, importOwnerKey } from '../../../../core/fleet/owner-key.ts'
import { silentLogger as log } from '../../../../core/logger.ts'
import { decodeIdentity } from '../../../../core/network/identity.ts'
import { MemoryStore } from '../../../../core/storage/memory-store.ts'
import { type FuzzTarget, fuzzTarget } from '../target.ts'
import { KEYS, textOf, utf8 } from '../values.ts'

/** What lets somebody in, as it is shown at the door. */

const tokens = new Tokens({ store: new MemoryStore('vault'), log, wallMs: () => 0, nowMs: () => 0 })
const { token: TOKEN } = await tokens.create({ scopes: ['read'] })

interface Headers {
  readonly host: string
  readonly origin: string
}

const NAMES = ['board.local']
const LOCAL_ADDRESS = '192.0.2.7'
const OWN =
  /^(localhost|127(\.\d+){3}|\[::1\]|\[::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}\]|board\.local|192\.0\.2\.7)$/
/** HTTP lets nothing else through in a header. */
const HEADER = /^[\t\x20-\x7e\x80-\xff]*$/

const hosts = fc
  .tuple(
    fc.constantFrom('localhost', '127.0.0.1', '127.1.2.3', '[::1]', '192.0.2.7', 'board.local'),
    fc.option(fc.nat(65_535)),
  )
  .map(([name, port]) => (port === null ? name : `${name}:${port}`))

/** Which of {@link KEYS} it is; -1 for another. */
async function numberOf(key: PrivateKey): Promise<number> {
  const said = utf8('something')
  // What is signed with one that was damaged, or copied wrong, nobody would take: better to hear of it now.
  ok(await key.publicKey.verify(said, await key.sign(said)), 'its two halves are of two keys')
  return KEYS.findIndex(each => each.equals(key))
}

export const ADMISSION_TARGETS: readonly FuzzTarget[] = [
  fuzzTarget<string>({
    name: 'token-text',
    covers: ['core/control/tokens/token-text.ts#tokenId', 'core/control/tokens/tokens.ts#Tokens'],
    shape: 'text',
    words: ['skep-token-', TOKEN, TOKEN.slice(0, -1), TOKEN.toUpperCase()],
    values: fc.constant(TOKEN),
    encode: utf8,
    decode(bytes) {
      const text = textOf(bytes)
      const { kind } = tokens.judge(text)
      ok(kind !== 'good' || text === TOKEN, 'another than the token is good')
      return kind === 'good' ? text : undefined
    },
  }),
  fuzzTarget<Headers, boolean>({
    name: 'http-origin',
    covers: ['isOwnHost', 'isSameOrigin', 'isLoopbackHost', 'hostName']
      .map(name => `core/control/http-origin.ts#${name}`)
      .concat('core/control/tcp/client-host.ts#clientHost'),
    shape: 'text',
    words: [
      ':80',
      'localhost',
      '127.0.0.1',
      '[::1]',
      '::ffff:',
      '@',
      '#',
      '\\',
      '.',
      '%2e',
      'http://',
      'evil.example',
    ],
    values: hosts.map(host => ({ host, origin: `http://${host}` })),
    encode: ({ host, origin }) => utf8(`${host}\n${origin}`),
    decode(bytes) {
      const [host = '', origin = ''] = Buffer.from(bytes).toString('latin1').split('\n', 2)
      clientHost(host)
      if (!HEADER.test(host) || !HEADER.test(origin)) return undefined
      const isOwn = isOwnHost(host, LOCAL_ADDRESS, NAMES)
      // What a browser would call us by: nothing of elsewhere may be taken for our own.
      const called = URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : undefined
      ok(!isOwn || called === undefined || OWN.test(called), `${host} is taken for this machine`)
      return isOwn && isSameOrigin(origin, host) ? true : isOwn
    },
    toValue: () => undefined,
    maxInputBytes: 16 * 1024,
  }),
  fuzzTarget<number>({
    name: 'identity-key',
    covers: ['core/network/identity.ts#decodeIdentity', 'core/network/whole-key.ts#isWholeKey'],
    shape: 'protobuf',
    values: fc.nat(KEYS.length - 1),
    encode: number => privateKeyToProtobuf(KEYS[number] as (typeof KEYS)[number]),
    decode: bytes => numberOf(decodeIdentity(bytes, '/identity.key')),
    // A key that is another is one, too.
    toValue: number => (number === -1 ? undefined : number),
    mayThrow: ['IDENTITY_UNREADABLE'],
    maxInputBytes: 4096,
  }),
  fuzzTarget<number>({
    name: 'owner-key',
    covers: ['core/fleet/owner-key.ts#importOwnerKey', 'core/network/whole-key.ts#isWholeKey'],
    shape: 'text',
    words: ['skep-owner-key-', '1', 'z', ' ', '\n'],
    values: fc.nat(KEYS.length - 1),
    encode: number => utf8(exportOwnerKey(KEYS[number] as (typeof KEYS)[number])),
    decode: bytes => numberOf(importOwnerKey(textOf(bytes))),
    // A key that is another is one, too.
    toValue: number => (number === -1 ? undefined : number),
    mayThrow: ['OWNER_KEY_INVALID'],
    // Base58 takes the square of its length.
    maxInputBytes: 256,
  }),
]
