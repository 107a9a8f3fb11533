import { spawn } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'

const script = join(import.meta.dirname, '../../scripts/setup.js')

/** A project that has nothing to install: npm then needs no network. */
async function project(t: Test): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'skep-setup-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  await mkdir(join(root, 'scripts'))
  await copyFile(script, join(root, 'scripts/setup.js'))
  await writeManifest(root, {})
  await writeLock(root, '1.0.0')
  return root
}

function writeManifest(root: string, dependencies: Readonly<Record<string, string>>): Promise<void> {
  const manifest = { name: 'hive', version: '1.0.0', type: 'module', dependencies }
  return writeFile(join(root, 'package.json'), JSON.stringify(manifest))
}

function writeLock(root: string, version: string): Promise<void> {
  const lock = { name: 'hive', version, lockfileVersion: 3, packages: { '': { name: 'hive', version } } }
  return writeFile(join(root, 'package-lock.json'), JSON.stringify(lock))
}

async function setup(root: string, ...options: string[]): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, [join(root, 'scripts/setup.js'), ...options], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const closed = new Promise<number | null>(resolve => child.once('close', resolve))
  const said = await text(child.stderr)
  return { code: await closed, said }
}

const installs = (said: string): boolean => said.includes('setup: installing')

t.test('installs once, and again when the lockfile has changed', async t => {
  const root = await project(t)
  const first = await setup(root)
  t.equal(first.code, 0, first.said)
  t.ok(installs(first.said))
  t.equal(installs((await setup(root)).said), false)
  t.equal((await setup(root, '--quiet')).said, '')
  await writeLock(root, '1.0.1')
  t.ok(installs((await setup(root)).said))
  const kept = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'))
  t.equal(kept.version, '1.0.1', 'the lockfile is left as it is')
})

t.test('of several at once one installs and the others wait', async t => {
  const root = await project(t)
  const all = await Promise.all(Array.from({ length: 4 }, () => setup(root)))
  t.strictSame(
    all.map(({ code }) => code),
    [0, 0, 0, 0],
  )
  t.equal(all.filter(({ said }) => installs(said)).length, 1)
})

t.test('a lock of a process that is gone, or of another boot, does not hold', async t => {
  const gone = spawn(process.execPath, ['--version'])
  await new Promise(resolve => gone.once('close', resolve))
  const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim()
  for (const owner of [`${gone.pid} ${bootId}`, `${process.pid} another-boot`, '']) {
    const root = await project(t)
    await mkdir(join(root, 'node_modules'))
    await writeFile(join(root, 'node_modules/.skep-setup.lock'), owner)
    const { code, said } = await setup(root)
    t.equal(code, 0, said)
    t.ok(installs(said))
  }
})

t.test('what npm says about a failure is passed on, and nothing counts as done', async t => {
  const root = await project(t)
  await writeManifest(root, { wax: 'file:./missing.tgz' })
  const { code, said } = await setup(root)
  t.equal(code, 1)
  t.match(said, /missing\.tgz/)
  await writeManifest(root, {})
  t.ok(installs((await setup(root)).said))
})
