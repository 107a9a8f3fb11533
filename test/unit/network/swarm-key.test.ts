import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateKey } from '@libp2p/pnet'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { isSkepError } from '../../../core/errors.ts'
import { type Logger, silentLogger } from '../../../core/logger.ts'
import { formatSwarmKey, loadSwarmKey, parseSwarmKey } from '../../../core/network/swarm-key.ts'

const HEX = 'dffb7e3135399a8b1612b2aaca1c36a3a8ac2cd0cca51ceeb2ced87d308cac6d'
const KEY = Buffer.from(HEX, 'hex')
const HEADER = '/key/swarm/psk/1.0.0/'

/** Loads a file with that text, and tells what the log was told. */
async function load(t: Test, text: string, mode = 0o600) {
  const path = join(t.testdir(), 'swarm.key')
  await writeFile(path, text)
  await chmod(path, mode)
  const warnings: unknown[] = []
  const log = { ...silentLogger, warn: (...said: unknown[]) => warnings.push(said) } as Logger
  return { key: await loadSwarmKey(path, { log }), warnings }
}

t.test('files as Kubo, go-libp2p and js-libp2p write them', async t => {
  const base64 = KEY.toString('base64')
  for (const text of [
    `${HEADER}\n/base16/\n${HEX}`,
    `${HEADER}\n/base16/\n${HEX.toUpperCase()}\n`,
    `${HEADER}\r\n/base16/\r\n${HEX}\r\n`,
    `${HEADER}\n/base64/\n${base64}\n\n`,
  ]) {
    t.same((await load(t, text)).key, KEY)
  }
  const made = Buffer.alloc(95)
  generateKey(made)
  t.equal(Buffer.from(parseSwarmKey(made.toString(), 'x')).toString('hex'), made.toString().split('\n')[2])
})

t.test('what is written is read', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), bytes =>
      Buffer.from(bytes).equals(parseSwarmKey(formatSwarmKey(bytes), 'x')),
    ),
  )
})

t.test('whatever the text, there is a key of 32 bytes or an error that says none of it', async t => {
  const line = fc.constantFrom(HEADER, '/base16/', '/base64/', '/bin/', HEX, KEY.toString('base64'), '', '\r')
  const text = fc.array(fc.oneof(line, fc.string()), { maxLength: 5 }).map(lines => lines.join('\n'))
  fc.assert(
    fc.property(text, text => {
      try {
        return parseSwarmKey(text, 'x').byteLength === 32
      } catch (error) {
        return isSkepError(error, 'SWARM_KEY_INVALID') && !String(error).includes(HEX.slice(0, 8))
      }
    }),
  )
  t.end()
})

t.test('a wrong file: which, and what is wrong with it', async t => {
  const cases: readonly [text: string, message: RegExp][] = [
    ['', /first line is not \/key\/swarm\/psk\/1\.0\.0\/$/],
    [HEX, /first line/],
    [`${HEADER}\n/bin/\n${HEX}`, /second line is neither \/base16\/ nor \/base64\/$/],
    [`${HEADER}\n/constructor/\n${HEX}`, /second line/],
    [`${HEADER}\n${HEX}`, /second line/],
    [`${HEADER}\n/base16/`, /the key has 0 bytes, expected 32/],
    [`${HEADER}\n/base16/\n${HEX.slice(2)}`, /the key has 31 bytes, expected 32/],
    [`${HEADER}\n/base16/\n${HEX.slice(1)}`, /third line is not base16/],
    [`${HEADER}\n/base16/\n${KEY.toString('base64')}`, /third line is not base16/],
    [`${HEADER}\n/base64/\n${HEX}`, /the key has 48 bytes/],
    [`${HEADER}\n/base16/\n${HEX}\n${HEX}`, /more than three lines/],
    ['x'.repeat(2000), /2000 bytes: this is no swarm key/],
  ]
  for (const [text, message] of cases) {
    await t.rejects(load(t, text), { code: 'SWARM_KEY_INVALID', message })
  }
  const nowhere = join(t.testdir(), 'none')
  await t.rejects(loadSwarmKey(nowhere, { log: silentLogger }), {
    code: 'SWARM_KEY_INVALID',
    message: `cannot read ${nowhere}`,
  })
  await t.rejects(loadSwarmKey(t.testdir(), { log: silentLogger }), { code: 'SWARM_KEY_INVALID' })
})

t.test('a key that everybody can read is told, one of a group is not', async t => {
  const text = formatSwarmKey(KEY)
  t.same((await load(t, text, 0o600)).warnings, [])
  t.same((await load(t, text, 0o640)).warnings, [])
  t.match((await load(t, text, 0o644)).warnings, [[{ mode: '644' }, /everybody/]])
})
