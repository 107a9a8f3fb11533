import { createHash, randomBytes } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { BUILD_ASSET, LICENSES_ASSET } from '../../core/cli/version.ts'
import { PROFILES } from '../../core/config/profiles.ts'
import manifest from '../../package.json' with { type: 'json' }
import { makeBundle } from '../../scripts/package/bundle.ts'
import { makeExecutable } from '../../scripts/package/executable.ts'
import { ARCHITECTURES, type Architecture, readSettings } from '../../scripts/package/settings.ts'
import { QUIET } from '../helpers/quiet-node.ts'
import { SkepProcess, skep } from '../helpers/skep-process.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { build, executablesMissing, fileOf } from './executables.ts'

const MAX_FILE_BYTES = 125_000_000
const CONTENT_BYTES = 3 * 1024 * 1024 + 17

// Emulated, and beside other tests.
t.setTimeout(300_000)

const skip = executablesMissing(...ARCHITECTURES)

/** A user of its own: nothing of the repository is in sight. */
async function world(t: Test, architecture: Architecture) {
  const directory = await temporaryDirectory(t)
  const env = { HOME: directory, XDG_CACHE_HOME: '', XDG_DATA_HOME: '', NODE_OPTIONS: '' }
  return { directory, options: { program: await build(architecture), cwd: directory, env } }
}

for (const architecture of ARCHITECTURES) {
  t.test(`${architecture}: says what it is`, { skip }, async t => {
    const { options } = await world(t, architecture)
    const { code, stdout, stderr } = await skep(['version', '--json'], options)
    // Also tells that V8 took the code cache: it would warn.
    t.same([code, stderr], [0, ''])
    const { commit, ...rest } = JSON.parse(stdout)
    t.match(commit, /^[0-9a-f]{40}(\+changes)?$/)
    t.same(rest, {
      version: manifest.version,
      node: manifest.optionalDependencies[`node-linux-${architecture}`],
      platform: `linux-${architecture}`,
      runs: 'executable',
    })
  })

  t.test(`${architecture}: small enough, and what the checksums say`, { skip }, async t => {
    await build(architecture)
    const file = fileOf(architecture)
    const { size, mode } = await stat(file)
    t.ok(size <= MAX_FILE_BYTES, `${size} bytes`)
    t.equal(mode & 0o777, 0o755)
    const sums = await readFile(join(file, '../SHA256SUMS'), 'utf8')
    t.ok(sums.includes(`${await sha256(file)}  skep-linux-${architecture}\n`))
  })
}

t.test('carries the licences of what is inside', { skip }, async t => {
  const { options } = await world(t, 'x64')
  const { stdout } = await skep(['version', '--licenses'], options)
  for (const name of ['Node.js 24', 'libp2p 3', 'lmdb 3', 'fastify 5', 'OpenLDAP Public License'])
    t.ok(stdout.includes(name), name)
  t.notOk(/^tap \d/m.test(stdout), 'and of nothing else')
})

t.test('carries the profiles and every plugin', { skip }, async t => {
  const { options } = await world(t, 'x64')
  for (const profile of PROFILES) {
    const [inside, source] = await Promise.all([
      skep(['config', 'show', '--json', '--profile', profile], options),
      skep(['config', 'show', '--json', '--profile', profile], { ...options, program: undefined }),
    ])
    t.equal(inside.code, 0, inside.stderr)
    t.equal(inside.stdout, source.stdout)
  }
})

t.test('is made the same twice', { skip }, async t => {
  const directory = await temporaryDirectory(t)
  const settings = readSettings()
  const [{ code }, again] = await Promise.all([makeBundle(), makeBundle()])
  t.equal(again.code, code)
  const contents = { code, texts: { [BUILD_ASSET]: '{"commit":null}', [LICENSES_ASSET]: 'none' } }
  for (const target of settings.targets) {
    const files = ['one', 'other'].map(name => join(directory, name))
    for (const file of files) await makeExecutable(target, contents, settings, file)
    const [one, other] = await Promise.all(files.map(sha256))
    t.equal(one, other, target.architecture)
  }
})

t.test('x64 and arm64 give each other content, are ready, and stop', { skip }, async t => {
  const start = async (architecture: Architecture) => {
    const { directory, options } = await world(t, architecture)
    const node = await SkepProcess.start(join(directory, 'data'), QUIET, options)
    t.teardown(() => node.end('SIGKILL'))
    return { directory, node }
  }
  const [x64, arm64] = await Promise.all([start('x64'), start('arm64')])
  await x64.node.json(['connect', arm64.node.ready.addresses[0] ?? ''])
  for (const [from, to] of [
    [x64, arm64],
    [arm64, x64],
  ] as const) {
    const content = randomBytes(CONTENT_BYTES)
    await writeFile(join(from.directory, 'given'), content)
    const { cid } = await from.node.json<{ cid: string }>(['add', join(from.directory, 'given')])
    await to.node.json(['get', cid, '-o', join(to.directory, 'got')])
    t.ok(content.equals(await readFile(join(to.directory, 'got'))))
  }
  for (const { node } of [x64, arm64]) {
    t.equal((await fetch(`${node.ready.monitoring}/readyz`)).status, 200)
    t.equal(await node.end('SIGTERM'), 0)
    t.notMatch(node.log.join('\n'), /warning/i)
  }
})

const PLUGIN = `
  import { definePlugin, Events, HEALTHY, token } from 'skep'
  export default definePlugin({
    manifest: { name: 'wax', version: '1.0.0', requires: [Events], wants: [], provides: [] },
    schema: {},
    metrics: () => ({}),
    register: (_container, { log }) => ({
      start: async () => log.info({ execArgv: process.execArgv, pid: process.pid }, 'wax is here'),
      stop: async () => {},
      health: () => HEALTHY,
    }),
  })`

t.test('takes plugins from disk, TypeScript too, with its own API', { skip }, async t => {
  const { directory, options } = await world(t, 'x64')
  await writeFile(join(directory, 'wax.js'), PLUGIN)
  await writeFile(join(directory, 'wax.ts'), `${PLUGIN} satisfies object`)
  // What lies beside it under the same name is not it.
  await writeFile(
    join(directory, 'package.json'),
    '{ "name": "skep", "type": "module", "exports": "./nowhere.js" }',
  )
  for (const file of ['wax.js', 'wax.ts']) {
    const settings = [...QUIET, '--set', `plugins.wax.module=./${file}`]
    const node = await SkepProcess.start(join(directory, 'data'), settings, options)
    t.teardown(() => node.end('SIGKILL'))
    const said = node.log.map(line => JSON.parse(line)).find(({ msg }) => msg === 'wax is here')
    t.same(said?.execArgv, ['--max-semi-space-size=2'], `${file} runs, with a small young generation`)
    t.equal(said?.pid, node.pid)
    t.equal(await node.end('SIGTERM'), 0)
  }
})

async function sha256(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex')
}
