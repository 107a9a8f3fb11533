import { chmod, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import fc from 'fast-check'
import t from 'tap'
import { exportOwnerKey, importOwnerKey, newOwnerKey, OwnerKeyFile } from '../../../core/fleet/owner-key.ts'

t.test('it is kept for its owner alone, and nothing else is left behind', async t => {
  const directory = t.testdir()
  const file = new OwnerKeyFile(directory)
  t.equal(await file.read(), undefined)
  const [first, second] = [await newOwnerKey(), await newOwnerKey()]
  await file.write(first)
  await file.write(second)
  t.ok((await file.read())?.equals(second))
  t.same(await readdir(directory), ['fleet-owner.key'])
  const path = join(directory, 'fleet-owner.key')
  t.equal((await stat(path)).mode & 0o777, 0o600)
  await chmod(path, 0o640)
  await t.rejects(file.read(), { code: 'OWNER_KEY_UNREADABLE', message: /nobody else/ })
  await chmod(path, 0o600)
  await writeFile(path, 'nonsense')
  await t.rejects(file.read(), { code: 'OWNER_KEY_UNREADABLE' })
  await file.remove()
  await file.remove()
  t.equal(await file.read(), undefined)
})

t.test('a backup is text, and nothing but a whole one is taken', async t => {
  const key = await newOwnerKey()
  const text = exportOwnerKey(key)
  t.ok(importOwnerKey(` ${text}\r\n`).equals(key))
  t.throws(() => importOwnerKey(exportOwnerKey(key).slice(0, -1)), { code: 'OWNER_KEY_INVALID' })
  const other = await generateKeyPair('secp256k1')
  t.throws(
    () => importOwnerKey(exportOwnerKey(other)),
    { code: 'OWNER_KEY_INVALID' },
    'a key of another kind',
  )
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), rest => {
      for (const given of [rest, `skep-owner-key-${rest}`]) {
        try {
          importOwnerKey(given)
          return false
        } catch (error) {
          if ((error as { code?: string }).code !== 'OWNER_KEY_INVALID') return false
        }
      }
      return true
    }),
  )
})
