import fc from 'fast-check'
import { isScope, SCOPES } from '../../../../core/control/scopes.ts'
import { decodeToken, encodeToken, type StoredToken } from '../../../../core/control/tokens/stored-token.ts'
import { formatSwarmKey, parseSwarmKey } from '../../../../core/network/swarm-key.ts'
import { type FuzzTarget, fuzzTarget } from '../target.ts'
import { partial, safeIntegers, textOf, texts, utf8 } from '../values.ts'

const tokens: fc.Arbitrary<StoredToken> = partial(
  {
    id: fc.constant('id'),
    digest: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    name: texts,
    scopes: fc.subarray(Object.keys(SCOPES).filter(isScope)),
    createdMs: safeIntegers,
    expiresMs: safeIntegers,
  },
  ['id', 'digest', 'scopes', 'createdMs'],
)

export const CONTROL_TARGETS: readonly FuzzTarget[] = [
  fuzzTarget<StoredToken>({
    name: 'token-record',
    covers: ['core/control/tokens/stored-token.ts#decodeToken'],
    shape: 'text',
    words: ['"version":1', '"scopes":[', 'null', '1e999', '__proto__', ...Object.keys(SCOPES)],
    values: tokens,
    encode: encodeToken,
    decode: bytes => decodeToken('id', bytes),
    meaningOf: ({ digest, ...rest }) => ({ ...rest, digest: Buffer.from(digest).toString('hex') }),
    mayThrow: ['TypeError', 'SyntaxError'],
  }),
  fuzzTarget<Uint8Array>({
    name: 'swarm-key',
    covers: ['core/network/swarm-key.ts#parseSwarmKey'],
    shape: 'text',
    words: ['/key/swarm/psk/1.0.0/', '/base16/', '/base64/', '/bin/', '\n', '\r\n', '='],
    values: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    encode: key => utf8(formatSwarmKey(key)),
    decode: bytes => parseSwarmKey(textOf(bytes), '/swarm.key'),
    meaningOf: key => Buffer.from(key).toString('hex'),
    mayThrow: ['SWARM_KEY_INVALID'],
  }),
]
