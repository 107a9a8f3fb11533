import { chmod, chown, mkdir, readdir, readFile, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Outcome, skep } from '../helpers/skep-process.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { mountTmpfs } from '../helpers/tmpfs.ts'
import { build, executablesMissing } from './executables.ts'

/** What the executable unpacks, and the least of a file system it needs. */
const ADDON = /^lmdb-[0-9a-f]{64}\.node$/
const STRANGER = 12345

t.setTimeout(120_000)

const skip = executablesMissing('x64')
const needsRoot = skip || (process.geteuid?.() === 0 || process.env.CI === 'true' ? false : 'needs root')

interface User {
  readonly home: string
  /** Where this user's executable keeps its code. */
  readonly code: string
}

async function user(t: Test): Promise<User> {
  const home = await temporaryDirectory(t)
  return { home, code: join(home, '.cache/skep/code') }
}

/** Opens a store, for which the addon has to be there. */
async function openStore(t: Test, env: Readonly<Record<string, string>>): Promise<Outcome> {
  const [program, data] = await Promise.all([build('x64'), temporaryDirectory(t)])
  const clean = { CACHE_DIRECTORY: '', RUNTIME_DIRECTORY: '', XDG_CACHE_HOME: '', NODE_OPTIONS: '' }
  return skep(['storage', 'rebuild', '--json', '--data', data], { program, env: { ...clean, ...env } })
}

async function works(t: Test, env: Readonly<Record<string, string>>): Promise<void> {
  const { code, stderr } = await openStore(t, env)
  t.same([code, stderr], [0, ''])
}

async function refuses(t: Test, env: Readonly<Record<string, string>>, code: string): Promise<void> {
  const outcome = await openStore(t, env)
  t.equal(outcome.code, 1)
  t.equal(JSON.parse(outcome.stderr).error.code, code, outcome.stderr)
}

async function unpacked(directory: string): Promise<{ name: string; content: Buffer }> {
  const [name = '', ...more] = await readdir(directory)
  t.match(name, ADDON)
  t.same(more, [])
  return { name, content: await readFile(join(directory, name)) }
}

t.test('the addon is unpacked once', { skip }, async t => {
  const { home, code } = await user(t)
  await works(t, { HOME: home })
  await unpacked(code)
  await works(t, { HOME: home })
})

t.test('what the service is granted goes before the home', { skip }, async t => {
  const { home, code } = await user(t)
  const granted = join(home, 'granted')
  await works(t, { HOME: '/nonexistent', CACHE_DIRECTORY: granted, RUNTIME_DIRECTORY: code })
  await unpacked(join(granted, 'code'))
  await works(t, { HOME: '/nonexistent', RUNTIME_DIRECTORY: granted })
  await works(t, { HOME: '/nonexistent', XDG_CACHE_HOME: code })
  await unpacked(join(code, 'skep/code'))
})

t.test('what was tampered with is unpacked anew', { skip }, async t => {
  const { home, code } = await user(t)
  await works(t, { HOME: home })
  const { name, content } = await unpacked(code)
  const file = join(code, name)
  const foreign = join(home, 'foreign.node')
  await writeFile(foreign, 'not a library', { mode: 0o500 })

  const tamper: Readonly<Record<string, () => Promise<void>>> = {
    'other content': async () => {
      await chmod(file, 0o700)
      await writeFile(file, content.fill(0, 5000, 6000))
      await chmod(file, 0o500)
    },
    'cut short': async () => {
      await chmod(file, 0o700)
      await writeFile(file, content.subarray(0, 5000))
      await chmod(file, 0o500)
    },
    'a link to another': async () => {
      await rename(file, join(home, 'gone'))
      await symlink(foreign, file)
    },
    'open to others': () => chmod(file, 0o777),
    'a directory': async () => {
      await rename(file, join(home, 'gone too'))
      await mkdir(join(file, 'full'), { recursive: true })
    },
  }
  const genuine = await readFile(file)
  for (const [what, happen] of Object.entries(tamper)) {
    await happen()
    await works(t, { HOME: home })
    t.ok((await unpacked(code)).content.equals(genuine), what)
  }
  t.equal(await readFile(foreign, 'utf8'), 'not a library', 'nothing is written through a link')
})

t.test('other versions of it are removed', { skip }, async t => {
  const { home, code } = await user(t)
  await works(t, { HOME: home })
  await writeFile(join(code, `lmdb-${'0'.repeat(64)}.node`), 'of an older version')
  await works(t, { HOME: home })
  await unpacked(code)
})

t.test('a hostile cache directory is refused', { skip }, async t => {
  const cases: Readonly<Record<string, (user: User) => Promise<unknown>>> = {
    'a link': async ({ home, code }) => {
      await mkdir(join(home, 'elsewhere'), { mode: 0o700 })
      await mkdir(join(code, '..'), { recursive: true, mode: 0o700 })
      await symlink(join(home, 'elsewhere'), code)
    },
    'others may write': async ({ code }) => {
      await mkdir(code, { recursive: true })
      await chmod(code, 0o777)
    },
    'others may read': async ({ code }) => {
      await mkdir(code, { recursive: true })
      await chmod(code, 0o755)
    },
    'others may replace it': async ({ code }) => {
      await mkdir(code, { recursive: true, mode: 0o700 })
      await chmod(join(code, '..'), 0o777)
    },
  }
  for (const [what, prepare] of Object.entries(cases)) {
    const { home, code } = await user(t)
    await prepare({ home, code })
    await refuses(t, { HOME: home }, 'CACHE_UNSAFE')
    t.same(await readdir(code), [], what)
  }
})

t.test("somebody else's directory is refused", { skip: needsRoot }, async t => {
  for (const [what, depth] of [
    ['itself', '.'],
    ['what it is in', '..'],
  ] as const) {
    const { home, code } = await user(t)
    await mkdir(code, { recursive: true, mode: 0o700 })
    await chown(join(code, depth), STRANGER, STRANGER)
    await refuses(t, { HOME: home }, 'CACHE_UNSAFE')
    t.same(await readdir(code), [], what)
  }
})

t.test('a full disk is an error, and leaves nothing', { skip }, async t => {
  await using small = mountTmpfs(t, 'size=256k,mode=700')
  if (!small) return
  await refuses(t, { CACHE_DIRECTORY: small.directory }, 'CACHE_UNUSABLE')
  t.same(await readdir(join(small.directory, 'code')), [])
})

t.test('a home that is read-only is an error', { skip }, async t => {
  await using fixed = mountTmpfs(t, 'ro,mode=700')
  if (!fixed) return
  await refuses(t, { HOME: fixed.directory }, 'CACHE_UNUSABLE')
})

t.test('a cache that code may not run from is an error', { skip }, async t => {
  await using data = mountTmpfs(t, 'noexec,mode=700')
  if (!data) return
  await refuses(t, { CACHE_DIRECTORY: data.directory }, 'ADDON_UNUSABLE')
})
