import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { skep } from '../../helpers/skep-process.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

interface Setting {
  readonly key: string
  readonly value: unknown
  readonly origin: string
}

async function settings(args: string[], env: Record<string, string> = {}): Promise<Map<string, Setting>> {
  const { code, stdout, stderr } = await skep(['config', 'show', '--json', ...args], { env })
  if (code !== 0) throw new Error(stderr)
  const shown = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Setting)
  return new Map(shown.map(setting => [setting.key, setting]))
}

t.test('init makes what a node needs, once', async t => {
  const directory = join(await temporaryDirectory(t), 'deep', 'data')
  const first = await skep(['init', '--data', directory, '--json'])
  t.equal(first.code, 0, first.stderr)
  const { peerId, configFile } = JSON.parse(first.stdout)
  t.match(peerId, /^12D3Koo/)
  t.equal(statSync(directory).mode & 0o777, 0o700)
  t.equal(statSync(join(directory, 'identity.key')).mode & 0o777, 0o600)
  t.equal(statSync(configFile).mode & 0o777, 0o600)

  writeFileSync(configFile, 'log:\n  level: warn\n')
  const second = await skep(['init', '--data', directory])
  t.equal(second.code, 0, second.stderr)
  t.match(second.stdout, new RegExp(`^${peerId}$`, 'm'))
  t.equal(readFileSync(configFile, 'utf8'), 'log:\n  level: warn\n', 'settings stay')
})

t.test('the settings file of init changes nothing, and neither does all of it uncommented', async t => {
  const directory = await temporaryDirectory(t)
  const profile = ['--profile', 'pi-4']
  const before = await settings(['--data', directory, ...profile])
  await skep(['init', '--data', directory])
  t.same(await settings(['--data', directory, ...profile]), before)

  const file = join(directory, 'config.yaml')
  const template = readFileSync(file, 'utf8')
  t.ok(
    template.split('\n').every(line => line === '' || line.startsWith('#')),
    'everything is commented out',
  )
  const [, ...sections] = template.split('\n\n')
  const uncommented = sections
    .join('\n\n')
    .replace(/^# /gm, '')
    .replace(/^profile: .*$/m, '')
  writeFileSync(file, uncommented)
  t.match(await skep(['config', 'check', file]), { code: 0, stdout: `${file} is valid\n` })
  const after = await settings(['--data', directory])
  t.ok(after.size > 20)
  for (const [key, { value, origin }] of after) {
    // Left out above, or without a value.
    if (key === 'profile' || before.get(key)?.value === undefined) continue
    t.match(origin, file, `${key} is read from the file`)
    t.not(value, undefined, key)
  }
})

t.test('show: file, environment, and options, each winning over the one before', async t => {
  const directory = await temporaryDirectory(t)
  const at = ['--data', directory]
  writeFileSync(join(directory, 'config.yaml'), 'storage:\n  maxBytes: 1GiB\n')
  const other = join(directory, 'other.yaml')
  writeFileSync(other, 'storage:\n  maxBytes: 2GiB\n')
  const maxBytes = async (args: string[], env?: Record<string, string>) =>
    (await settings(args, env)).get('storage.maxBytes')
  const GiB = 2 ** 30
  t.match(await maxBytes(at), { value: GiB, origin: /config\.yaml:2/ })
  t.match(await maxBytes([...at, '--config', other]), { value: 2 * GiB, origin: /other\.yaml:2/ })
  t.match(await maxBytes(at, { SKEP_CONFIG: other }), { value: 2 * GiB })
  const env = { SKEP_STORAGE_MAX_BYTES: '3GiB' }
  t.match(await maxBytes(at, env), { value: 3 * GiB, origin: 'SKEP_STORAGE_MAX_BYTES' })
  const set = ['--set', 'storage.maxBytes=4GiB', '--set', 'network.maxPeers=77']
  t.match(await maxBytes([...at, ...set], env), { value: 4 * GiB, origin: /--set/ })
  t.match((await settings([...at, ...set])).get('network.maxPeers'), { value: 77 })
  t.match((await settings([...at, '--log-level', 'warn'])).get('log.level'), { value: 'warn' })

  const text = await skep(['config', 'show', '--origin', ...at])
  t.match(text.stdout, /^storage\.maxBytes: 1GiB {2}# .*config\.yaml:2/m)
  t.notMatch(text.stdout, /\.module:/, 'what has no value is not shown')
  const disabled = await skep(['config', 'show', '--set', 'plugins.exchang.enabled=false', ...at])
  t.match(disabled, { code: 1, stderr: /did you mean exchange\?/ })
})

t.test('check says what is wrong, where, and what was meant', async t => {
  const file = join(await temporaryDirectory(t), 'config.yaml')
  writeFileSync(file, 'storage:\n  maxBites: 1GiB\nlog:\n  level: loud\n')
  const { code, stderr } = await skep(['config', 'check', file])
  t.equal(code, 1)
  t.match(stderr, /config\.yaml:2.*maxBites.*storage\.maxBytes/)
  t.match(stderr, /config\.yaml:4.*level.*debug/)
  t.match(await skep(['config', 'check', `${file}.missing`]), { code: 1, stderr: /missing/ })
  t.match(await skep(['start', '--config', file, '--data', await temporaryDirectory(t)]), {
    code: 1,
    stderr: /maxBites/,
  })
})

t.test('docs tell every key', async t => {
  const { stdout, code } = await skep(['config', 'docs'])
  t.equal(code, 0)
  const shown = await settings(['--data', await temporaryDirectory(t)])
  for (const key of shown.keys()) {
    const common = key.replace(/^plugins\.[^.]+\.(enabled|onFailure|module)$/, 'plugins.<name>.$1')
    t.ok(stdout.includes(`| \`${common}\` |`), key)
  }
})

t.test('docs tell the keys of plugins of one’s own', async t => {
  const directory = await temporaryDirectory(t)
  const module = `export default {
    manifest: { name: 'hive', version: '1.0.0', requires: [], wants: [], provides: [] },
    schema: { frames: { doc: 'How many frames.', format: 'integer', default: 8 } },
    metrics() {},
    register() {},
  }`
  writeFileSync(join(directory, 'hive.ts'), module)
  const file = join(directory, 'other.yaml')
  writeFileSync(file, 'plugins:\n  hive:\n    module: ./hive.ts\n')
  const data = ['--data', directory]
  const key = /\| `plugins\.hive\.frames` \|/
  t.match(await skep(['config', 'docs', '--config', file, ...data]), { code: 0, stdout: key, stderr: '' })
  t.match(await skep(['config', 'docs', ...data], { env: { SKEP_CONFIG: file } }), { stdout: key })
  t.notMatch((await skep(['config', 'docs', ...data])).stdout, key)

  writeFileSync(file, 'storage:\n  maxBites: 1GiB\n')
  const broken = await skep(['config', 'docs', '--config', file, ...data])
  t.match(broken, { code: 0, stdout: /storage\.maxBytes/, stderr: /left out.*\n.*maxBites/ }, 'still of help')
})
