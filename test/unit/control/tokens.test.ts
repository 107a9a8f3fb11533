import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import fc from 'fast-check'
import { pino } from 'pino'
import t from 'tap'
import { SCOPES, type Scope } from '../../../core/control/scopes.ts'
import { decodeToken, encodeToken, type StoredToken } from '../../../core/control/tokens/stored-token.ts'
import { MAX_TOKENS } from '../../../core/control/tokens/token-limits.ts'
import { digestOf, newToken, tokenId } from '../../../core/control/tokens/token-text.ts'
import { Tokens } from '../../../core/control/tokens/tokens.ts'
import { silentLogger } from '../../../core/logger.ts'
import { MemoryStore } from '../../../core/storage/memory-store.ts'
import type { KeyValueStore } from '../../../core/storage/storage.ts'

const START_MS = 1_700_000_000_000
const HOUR_MS = 3_600_000

function tokensIn(store: KeyValueStore = new MemoryStore('vault'), wallMs = START_MS) {
  const clock = { wallMs, nowMs: 0 }
  const deps = { store, log: silentLogger, wallMs: () => clock.wallMs, nowMs: () => clock.nowMs }
  return { tokens: new Tokens(deps), store, clock }
}

t.test('a token is told once, and kept as a digest alone', async t => {
  const { tokens, store } = tokensIn()
  const { token, ...info } = await tokens.create({ scopes: ['read', 'pins', 'read'], name: 'desk' })
  t.match(token, /^skep-token-[0-9a-f]{12}-[A-Za-z0-9_-]{43}$/)
  t.same(info, {
    id: tokenId(token),
    name: 'desk',
    scopes: ['read', 'pins'],
    createdMs: START_MS,
    isExpired: false,
  })
  t.same(tokens.list(), [info])
  t.notMatch(JSON.stringify(tokens.list()), token.slice(-43))
  for (const [, value] of store.bucket('tokens').entries()) {
    t.notMatch(Buffer.from(value).toString(), token.slice(-43), 'the secret is not on disk')
  }
  t.match(tokens.judge(token), { kind: 'good', scopes: ['read', 'pins'] })
})

t.test('a token is taken as it is, or not at all', async t => {
  const { tokens } = tokensIn()
  const { token } = await tokens.create({ scopes: ['read'] })
  const other = await tokens.create({ scopes: ['read'] })
  const last = token.endsWith('A') ? 'B' : 'A'
  const wrong = [
    '',
    'x',
    token.slice(0, -1),
    `${token} `,
    token.toUpperCase(),
    token.slice(0, -1) + last,
    // The secret of one under the id of the other.
    other.token.slice(0, -43) + token.slice(-43),
    newToken().text,
    'a'.repeat(100_000),
  ]
  for (const text of wrong) t.same(tokens.judge(text), { kind: 'unknown' }, text.slice(0, 70))
  fc.assert(fc.property(fc.string(), text => tokens.judge(text).kind === 'unknown'))
})

t.test('whatever is shown costs one comparison of two digests', async t => {
  const { tokens } = tokensIn()
  const { token } = await tokens.create({ scopes: ['read'] })
  const real = crypto.timingSafeEqual
  const compared: number[][] = []
  crypto.timingSafeEqual = (a, b) => {
    compared.push([a.byteLength, b.byteLength])
    return real(a, b)
  }
  syncBuiltinESMExports()
  t.teardown(() => {
    crypto.timingSafeEqual = real
    syncBuiltinESMExports()
  })
  const shown = [
    token,
    `${token.slice(0, -1)}!`,
    `${token.slice(0, -2)}AA`,
    newToken().text,
    '',
    'x'.repeat(8000),
  ]
  for (const text of shown) tokens.judge(text)
  t.same(
    compared,
    shown.map(() => [32, 32]),
  )
})

t.test('there is chance enough in every token', async t => {
  const made = Array.from({ length: 1000 }, () => newToken().text)
  t.equal(new Set(made).size, made.length)
  const asked: number[] = []
  newToken(bytes => {
    asked.push(bytes)
    return Buffer.alloc(bytes)
  })
  t.ok((asked.at(-1) ?? 0) * 8 >= 192)
})

t.test('names: one each, that can be printed and is no id of another', async t => {
  const { tokens } = tokensIn()
  const { id } = await tokens.create({ scopes: ['read'], name: 'desk' })
  for (const name of ['desk', id]) {
    await t.rejects(tokens.create({ scopes: ['read'], name }), { code: 'TOKEN_NAME_TAKEN' })
  }
  for (const name of ['', '\n', 'x'.repeat(65), '\u202ekesd']) {
    await t.rejects(tokens.create({ scopes: ['read'], name }), { code: 'INPUT_INVALID' })
  }
  t.equal(tokens.list().length, 1)
})

t.test('a revoked token ends at once, and what it does with it', async t => {
  const { tokens, store } = tokensIn()
  const desk = await tokens.create({ scopes: ['read'], name: 'desk' })
  const attic = await tokens.create({ scopes: ['read'] })
  const running = tokens.judge(desk.token)
  t.match(await tokens.revoke('desk'), { id: desk.id })
  t.same(tokens.judge(desk.token), { kind: 'unknown' })
  t.ok(running.kind === 'good' && running.withdrawn.aborted)
  t.match(running, { withdrawn: { reason: { code: 'TOKEN_REFUSED', message: /was revoked/ } } })
  await tokens.revoke(attic.id)
  for (const gone of ['desk', attic.id, 'nobody']) {
    await t.rejects(tokens.revoke(gone), { code: 'TOKEN_UNKNOWN' })
  }
  t.equal(store.bucket('tokens').size(), 0)
})

t.test('a token that has expired is refused, listed, and cut off', async t => {
  const { tokens, clock } = tokensIn()
  const { token, id } = await tokens.create({ scopes: ['read'], expiresInMs: HOUR_MS })
  const running = tokens.judge(token)
  clock.wallMs += HOUR_MS - 1
  clock.nowMs += HOUR_MS - 1
  tokens.review()
  t.notOk(running.kind === 'good' && running.withdrawn.aborted)
  clock.wallMs += 1
  t.same(tokens.judge(token), { kind: 'expired', id })
  t.same(tokens.judge(`${token.slice(0, -2)}AA`), { kind: 'unknown' }, 'only who has it is told')
  tokens.review()
  t.ok(running.kind === 'good' && running.withdrawn.aborted)
  t.match(tokens.list(), [{ id, isExpired: true }])
})

t.test('expiry, with and without a clock', async t => {
  const store = new MemoryStore('vault')
  const first = tokensIn(store)
  const { token } = await first.tokens.create({ scopes: ['read'], expiresInMs: HOUR_MS })
  const kind = ({ tokens }: typeof first) => tokens.judge(token).kind

  t.equal(kind(tokensIn(store, START_MS + HOUR_MS - 1)), 'good')
  t.equal(kind(tokensIn(store, START_MS + HOUR_MS)), 'expired', 'time that the node was off counts')
  const behind = tokensIn(store, 0)
  t.equal(kind(behind), 'good', 'before it was made: the clock is wrong')
  behind.clock.nowMs += HOUR_MS
  t.equal(kind(behind), 'expired', 'the monotonic clock ends it all the same')
  const corrected = tokensIn(store, 0)
  corrected.clock.wallMs = START_MS + HOUR_MS
  t.equal(kind(corrected), 'expired', 'as does a clock that is put right')
  const ahead = tokensIn(store, START_MS + 1000 * HOUR_MS)
  t.equal(kind(ahead), 'expired')
  ahead.clock.wallMs = START_MS + 1
  t.equal(kind(ahead), 'good', 'a clock that was ahead took nothing for good')
})

t.test('there is room for so many, and a use writes nothing', async t => {
  const { tokens, store } = tokensIn()
  let writes = 0
  const write = store.write.bind(store)
  store.write = change => {
    writes++
    return write(change)
  }
  const made = await Promise.all(
    Array.from({ length: MAX_TOKENS }, () => tokens.create({ scopes: ['read'] })),
  )
  await t.rejects(tokens.create({ scopes: ['read'] }), { code: 'TOKENS_FULL' })
  t.equal(writes, MAX_TOKENS)
  for (const { token } of made) for (let use = 0; use < 10; use++) tokens.judge(token)
  t.equal(writes, MAX_TOKENS)
  t.ok(tokens.list().every(({ lastUsedMs }) => lastUsedMs === START_MS))
})

t.test('tokens outlast a restart; one that cannot be read lets nobody in, and costs no start', async t => {
  const { tokens, store } = tokensIn()
  const { token, id } = await tokens.create({ scopes: ['read'], name: 'desk' })
  const bucket = store.bucket('tokens')
  await store.write(batch => batch.put(bucket, Buffer.from('0123456789ab'), Buffer.from('{"version":2}')))
  const lines: string[] = []
  const log = pino({}, { write: (line: string) => void lines.push(line) })
  const again = new Tokens({ store, log, wallMs: () => START_MS, nowMs: () => 0 })
  t.match(again.judge(token), { kind: 'good', scopes: ['read'] })
  t.match(again.list(), [{ id, name: 'desk' }])
  t.match(lines, [/0123456789ab/])
  t.equal(bucket.size(), 2, 'what a later version wrote stays')
})

const scope = fc.constantFrom(...(Object.keys(SCOPES) as Scope[]))
const stored: fc.Arbitrary<StoredToken> = fc
  .record(
    {
      id: fc.constant('0123456789ab'),
      digest: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      name: fc.string(),
      scopes: fc.uniqueArray(scope),
      createdMs: fc.maxSafeInteger(),
      expiresMs: fc.maxSafeInteger(),
    },
    { requiredKeys: ['id', 'digest', 'scopes', 'createdMs'] },
  )
  .map(token => ({ ...token, digest: Buffer.from(token.digest) }))

t.test('what is stored comes back, and anything else is refused', async t => {
  fc.assert(
    fc.property(stored, token => t.strictSame(decodeToken(token.id, encodeToken(token)), token)),
    { numRuns: 50 },
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map(text => Buffer.from(text)),
      ),
      bytes => {
        try {
          decodeToken('0123456789ab', bytes)
          return false
        } catch (error) {
          return error instanceof TypeError || error instanceof SyntaxError
        }
      },
    ),
  )
  const later = JSON.parse(
    Buffer.from(encodeToken({ id: 'x', digest: digestOf('x'), scopes: ['read'], createdMs: 1 })).toString(),
  )
  const withMore = Buffer.from(JSON.stringify({ ...later, scopes: ['read', 'fly', 3, '__proto__'] }))
  t.same(decodeToken('x', withMore).scopes, ['read'], 'scopes that are not known are not given')
})
