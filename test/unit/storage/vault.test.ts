import { cp, open, readdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import type { Storage } from '../../../core/storage/storage.ts'
import { openAt } from './stores.ts'

const HOUR_MS = 60 * 60 * 1000

async function pin({ vault }: Storage, name: string): Promise<void> {
  const pins = vault.bucket('pins')
  await vault.write(batch => batch.put(pins, Buffer.from(name), Buffer.from(name)))
}

function pinned({ vault }: Storage): string[] {
  return [...vault.bucket('pins').keys()].map(key => Buffer.from(key).toString())
}

async function snapshots(directory: string): Promise<string[]> {
  return (await readdir(join(directory, 'vault-snapshots'))).sort()
}

t.test('snapshots are made of what changed, and only so many are kept', async t => {
  const directory = t.testdir()
  let nowMs = 0
  const storage = await openAt(t, directory, {}, { nowMs: () => nowMs })
  t.equal((await snapshots(directory)).length, 1)
  await pin(storage, 'a')
  t.equal((await snapshots(directory)).length, 1, 'not with each change')
  await storage.close()
  for (const name of ['b', 'c', 'd', 'e']) {
    const again = await openAt(t, directory)
    await pin(again, name)
    await again.close()
  }
  t.match(await snapshots(directory), [/^00000003-/, /^00000004-/, /^00000005-/])
  await (await openAt(t, directory)).close()
  const before = await snapshots(directory)
  await (await openAt(t, directory)).close()
  t.same(await snapshots(directory), before, 'nothing changed: no copy')

  const running = await openAt(t, directory, {}, { nowMs: () => nowMs })
  nowMs += 5 * HOUR_MS
  await pin(running, 'f')
  nowMs += 2 * HOUR_MS
  await pin(running, 'g')
  await running.close()
  const [last] = (await snapshots(directory)).reverse()
  t.not(last, before.at(-1), 'a vault that changes gets one every few hours')
})

/** Changes each `from` in the vault's file in place, as the disk might; both have one length. */
async function turn(directory: string, from: string, to: string): Promise<void> {
  const file = join(directory, 'vault', 'data.mdb')
  const bytes = await readFile(file)
  const handle = await open(file, 'r+')
  for (let at = bytes.indexOf(from); at !== -1; at = bytes.indexOf(from, at + 1)) await handle.write(to, at)
  await handle.close()
}

async function damaged(t: Test, damage: (vault: string) => Promise<void>): Promise<void> {
  const directory = t.testdir()
  const first = await openAt(t, directory)
  await pin(first, 'kept')
  await first.close()
  const second = await openAt(t, directory)
  await pin(second, 'made after the snapshot')
  await second.close()

  await damage(join(directory, 'vault'))
  const lines: { level: number; msg: string; snapshot?: string }[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) })
  const storage = await openAt(t, directory, {}, { log })
  t.same(pinned(storage), ['kept'])
  t.match(lines, [{ level: 50, msg: /restored from a snapshot/, snapshot: /^00000002-/ }])
  t.match(storage.repairs, [{ part: 'vault', message: /00000002-.*Pin again/, needsAttention: true }])
  await pin(storage, 'new')
  await storage.close()
  const later = await openAt(t, directory)
  t.same(pinned(later), ['kept', 'new'])
  t.equal(later.repairs.length, 1, 'tells of it until somebody saw to it')
  await later.close()
  await rm(join(directory, 'vault.damaged'), { recursive: true })
  t.same((await openAt(t, directory)).repairs, [])
}

t.test('a vault of garbage is restored', t =>
  damaged(t, vault => writeFile(join(vault, 'data.mdb'), Buffer.alloc(40_960, 7))),
)
t.test('an empty vault file is restored', t => damaged(t, vault => truncate(join(vault, 'data.mdb'), 0)))
t.test('a vault that is gone is restored', t => damaged(t, vault => rm(vault, { recursive: true })))

t.test('a vault that only does not open now is left as it is', async t => {
  const directory = t.testdir()
  await (await openAt(t, directory)).close()
  const storage = await openAt(t, directory)
  await pin(storage, 'made after the snapshot')
  await storage.close()
  // As where it belongs to another user: the file can't be opened, and is whole.
  const file = join(directory, 'vault', 'data.mdb')
  await rename(file, `${file}.aside`)
  await symlink('data.mdb', file)
  await t.rejects(openAt(t, directory), {
    code: 'STORAGE_UNREADABLE',
    message: /the vault in .* does not open: ELOOP/,
  })
  await rm(file)
  await rename(`${file}.aside`, file)
  t.same(pinned(await openAt(t, directory)), ['made after the snapshot'])
})

t.test('a snapshot that is none keeps no vault from opening', async t => {
  const directory = t.testdir()
  const storage = await openAt(t, directory)
  await pin(storage, 'a')
  await storage.close()
  await (await openAt(t, directory)).close()
  const [, newest = ''] = await snapshots(directory)
  const place = join(directory, 'vault-snapshots', newest)
  await rm(place, { recursive: true })
  await writeFile(place, 'no directory')
  t.same(pinned(await openAt(t, directory)), ['a'])
})

t.test('a damaged snapshot is passed over', async t => {
  const directory = t.testdir()
  for (const name of ['a', 'b']) {
    const storage = await openAt(t, directory)
    await pin(storage, name)
    await storage.close()
  }
  const [oldest, newest] = await snapshots(directory)
  if (!oldest || !newest) throw new Error('two snapshots')
  const snapshotOf = (name: string) => join(directory, 'vault-snapshots', name)
  await cp(snapshotOf(newest), snapshotOf('00000003-99'), { recursive: true })
  await writeFile(join(snapshotOf('00000003-99'), 'data.mdb'), 'garbage')
  await writeFile(join(directory, 'vault', 'data.mdb'), 'garbage')
  const storage = await openAt(t, directory)
  t.same(pinned(storage), ['a'])
  await storage.close()
})

t.test('no snapshot opens either', async t => {
  const directory = t.testdir()
  await (await openAt(t, directory)).close()
  for (const name of await snapshots(directory)) {
    await writeFile(join(directory, 'vault-snapshots', name, 'data.mdb'), 'garbage')
  }
  await writeFile(join(directory, 'vault', 'data.mdb'), 'garbage')
  await t.rejects(openAt(t, directory), { code: 'VAULT_DAMAGED', message: /none of its 1 snapshots/ })
  t.equal(await readFile(join(directory, 'vault', 'data.mdb'), 'utf8'), 'garbage', 'nothing is touched')
})

t.test('a record that is not what was written is found, and so is one that is missing', async t => {
  await damaged(t, vault => turn(join(vault, '..'), 'made after', 'made AFTER'))
  await damaged(t, vault => turn(join(vault, '..'), 'kept', 'kepT'))
})

t.test('a vault that is damaged but for its records loses nothing', async t => {
  const directory = t.testdir()
  for (const name of ['kept', 'made after the snapshot']) {
    const storage = await openAt(t, directory)
    await pin(storage, name)
    await storage.close()
  }
  const file = join(directory, 'vault', 'data.mdb')
  const bytes = await readFile(file)
  // Transactions of the pages: LMDB would take such for its own, and write to where it only may read.
  for (let page = 2; page < bytes.length / 4096; page++) bytes[page * 4096 + 13] = 1
  await writeFile(file, bytes)
  const storage = await openAt(t, directory)
  t.same(pinned(storage), ['kept', 'made after the snapshot'])
  t.match(storage.repairs, [{ part: 'vault', message: /nothing is missing/, needsAttention: false }])
  await pin(storage, 'new')
  await storage.checkTables()
})

t.test('a vault that is damaged while it is used is not copied over its snapshots', async t => {
  const directory = t.testdir()
  let nowMs = 0
  const fatal: Error[] = []
  const storage = await openAt(t, directory, {}, { nowMs: () => nowMs, onFatal: error => fatal.push(error) })
  await pin(storage, 'aa')
  await turn(directory, 'aa', 'ab')
  const before = await snapshots(directory)
  nowMs += 7 * HOUR_MS
  await pin(storage, 'c')
  await storage.close()
  t.match(fatal, [{ code: 'STORAGE_FAILED', message: /the vault is damaged/ }])
  t.same(await snapshots(directory), before)
  t.match((await openAt(t, directory)).repairs, [{ part: 'vault' }])
})

t.test('a vault that is damaged while it is used is found by a look at the tables', async t => {
  const directory = t.testdir()
  const fatal: Error[] = []
  const storage = await openAt(t, directory, {}, { onFatal: error => fatal.push(error) })
  await pin(storage, 'aa')
  await storage.checkTables()
  await turn(directory, 'aa', 'ab')
  await t.rejects(storage.checkTables(), { code: 'STORAGE_FAILED', message: /vault .* damaged/ })
  t.equal(fatal.length, 1)
  await t.rejects(pin(storage, 'c'), { code: 'STORAGE_FAILED' })
})
