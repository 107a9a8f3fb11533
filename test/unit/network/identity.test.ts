import { chmod, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import t from 'tap'
import { loadIdentity } from '../../../core/network/identity.ts'

t.test('made at first use, for the owner alone, and the same from then on', async t => {
  const directory = join(t.testdir(), 'data')
  const key = await loadIdentity(directory)
  t.equal(key.type, 'Ed25519')
  t.equal((await stat(join(directory, 'identity.key'))).mode & 0o777, 0o600)
  t.same(await readdir(directory), ['identity.key'], 'no temporary file stays behind')
  t.ok((await loadIdentity(directory)).equals(key))
})

t.test('several at once agree on one key', async t => {
  const directory = t.testdir()
  const keys = await Promise.all(Array.from({ length: 8 }, () => loadIdentity(directory)))
  for (const key of keys) t.ok(key.equals(keys[0]))
  t.same(await readdir(directory), ['identity.key'])
})

t.test('a file that others can read is refused, with the fix', async t => {
  const directory = t.testdir()
  await loadIdentity(directory)
  await chmod(join(directory, 'identity.key'), 0o640)
  await t.rejects(loadIdentity(directory), { code: 'IDENTITY_UNREADABLE', message: /mode 640.*chmod 600/ })
})

t.test('a file that holds no such key is refused and left as it is', async t => {
  const directory = t.testdir()
  const path = join(directory, 'identity.key')
  await loadIdentity(directory)
  await truncate(path, 20)
  const before = await readFile(path)
  await t.rejects(loadIdentity(directory), { code: 'IDENTITY_UNREADABLE', message: /holds no private key/ })
  t.same(await readFile(path), before)
  const key = Buffer.from(privateKeyToProtobuf(await generateKeyPair('Ed25519')))
  for (const at of [10, key.length - 1]) {
    const turned = key.map((byte, n) => (n === at ? byte ^ 1 : byte))
    await writeFile(path, turned)
    await t.rejects(loadIdentity(directory), { code: 'IDENTITY_UNREADABLE', message: /damaged/ })
  }
  await writeFile(path, privateKeyToProtobuf(await generateKeyPair('secp256k1')))
  await t.rejects(loadIdentity(directory), { code: 'IDENTITY_UNREADABLE', message: /isn't Ed25519/ })
})

t.test('a directory in its place is refused', async t => {
  const directory = t.testdir({ 'identity.key': {} })
  await chmod(join(directory, 'identity.key'), 0o700)
  await t.rejects(loadIdentity(directory), { code: 'IDENTITY_UNREADABLE', message: /cannot read/ })
})
