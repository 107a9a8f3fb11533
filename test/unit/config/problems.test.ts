import { join } from 'node:path'
import t from 'tap'
import type { ConfigProblem } from '../../../core/config/errors.ts'
import { checkConfig } from '../../../core/config/load.ts'
import { errorOf, load, loadPlugin, type Setting, SMALL } from './setting.ts'

interface Case {
  readonly name: string
  readonly setting: Setting
  /** The one problem there is. */
  readonly problem: Partial<Record<keyof ConfigProblem, unknown>>
  /** The line it makes, without the directory. */
  readonly line: string
}

const cases: readonly Case[] = [
  {
    name: 'a disabled plugin that nobody has heard of',
    setting: { set: ['plugins.hony.enabled=false'], builtIn: ['honey'] },
    problem: { kind: 'plugin', key: 'plugins.hony' },
    line: '--set plugins.hony.enabled: plugins.hony: no plugin "hony" comes with skep (it has honey); did you mean honey?',
  },
  {
    name: 'a level that is none',
    setting: { logLevel: 'loud' },
    problem: { kind: 'type', key: 'log.level', origin: { layer: 'set', name: '--log-level' } },
    line: '--log-level: log.level: expected one of fatal, error, warn, info, debug, trace, silent, got "loud"',
  },
  {
    name: 'a list as a file has it',
    setting: { set: ['network.listen=[/ip4/127.0.0.1/tcp/1]'] },
    problem: { kind: 'type', key: 'network.listen' },
    line: '--set network.listen: expected a list of multiaddrs such as /ip4/0.0.0.0/tcp/4001, written as a,b, got "[/ip4/127.0.0.1/tcp/1]"',
  },
  {
    name: 'an unknown key, with the nearest',
    setting: { user: 'storage:\n  maxByte: 1GiB\n' },
    problem: {
      kind: 'unknown',
      key: 'storage.maxByte',
      origin: { layer: 'user', line: 2, column: 3 },
      nearest: 'storage.maxBytes',
    },
    line: 'user.yaml:2:3: storage.maxByte: no such key; did you mean storage.maxBytes?',
  },
  {
    name: 'an unknown section, once for all that is in it',
    setting: { user: 'netwrok:\n  listen: []\n  maxPeers: 5\n' },
    problem: { kind: 'unknown', key: 'netwrok', nearest: 'network' },
    line: 'user.yaml:1:1: netwrok: no such key; did you mean network?',
  },
  {
    name: 'a key out of its section',
    setting: { user: 'dialTimeoutMs: 5s\n' },
    problem: { kind: 'unknown', nearest: 'network.dialTimeoutMs' },
    line: 'user.yaml:1:1: dialTimeoutMs: no such key; did you mean network.dialTimeoutMs?',
  },
  {
    name: 'an unknown key far from all others',
    setting: { user: 'colour: blue\n' },
    problem: { kind: 'unknown', key: 'colour', nearest: undefined },
    line: 'user.yaml:1:1: colour: no such key',
  },
  {
    name: "an unknown key of a plugin's",
    setting: { user: 'plugins:\n  honey:\n    flight:\n      sped: 3\n' },
    problem: { kind: 'unknown', origin: { line: 4 }, nearest: 'plugins.honey.flight.speed' },
    line: 'user.yaml:4:7: plugins.honey.flight.sped: no such key; did you mean plugins.honey.flight.speed?',
  },
  {
    name: 'a wrong type',
    setting: { user: 'network:\n  maxPeers: many\n' },
    problem: { kind: 'type', key: 'network.maxPeers', origin: { line: 2 } },
    line: 'user.yaml:2:3: network.maxPeers: expected a whole number of peers, from 16 to 100000, got "many"',
  },
  {
    name: 'a number as text',
    setting: { user: 'network:\n  maxPeers: "500"\n' },
    problem: { kind: 'type' },
    line: 'user.yaml:2:3: network.maxPeers: expected a whole number of peers, from 16 to 100000, got "500"',
  },
  {
    name: 'nothing where a value belongs',
    setting: { user: 'log:\n  level:\n' },
    problem: { kind: 'type' },
    line: 'user.yaml:2:3: log.level: expected one of fatal, error, warn, info, debug, trace, silent, got nothing',
  },
  {
    name: 'a section where a value belongs',
    setting: { user: 'log:\n  level:\n    all: debug\n' },
    problem: { kind: 'type', key: 'log.level' },
    line: 'user.yaml:2:3: log.level: expected one of fatal, error, warn, info, debug, trace, silent, got a section',
  },
  {
    name: 'a value where a section belongs',
    setting: { user: 'memory: 64MiB\n' },
    problem: { kind: 'type', key: 'memory' },
    line: 'user.yaml:1:1: memory: expected keys beneath it (transferBytes), got "64MiB"',
  },
  {
    name: 'a list with something else in it',
    setting: { user: 'network:\n  listen: [/ip4/127.0.0.1/tcp/0, 4001]\n' },
    problem: { kind: 'type', key: 'network.listen' },
    line:
      'user.yaml:2:3: network.listen: expected a list of multiaddrs such as /ip4/0.0.0.0/tcp/4001, ' +
      'got ["/ip4/127.0.0.1/tcp/0",4001]',
  },
  {
    name: 'out of range, with unit and bounds',
    setting: { user: 'storage:\n  maxBytes: 1MiB\n' },
    problem: { kind: 'range', key: 'storage.maxBytes' },
    line: 'user.yaml:2:3: storage.maxBytes: expected a size such as 64MiB or 2GB, from 16MiB to 1024TiB, got "1MiB"',
  },
  {
    name: 'a bad variable',
    setting: { env: { SKEP_HOST_STOP_TIMEOUT_MS: 'soon' } },
    problem: { kind: 'type', key: 'host.stopTimeoutMs', origin: { layer: 'env' } },
    line:
      'SKEP_HOST_STOP_TIMEOUT_MS: host.stopTimeoutMs: expected a duration such as 500ms, 30s, 10m, 24h or 7d, ' +
      'from 100ms to 10m, got "soon"',
  },
  {
    name: 'an unknown variable, with the nearest',
    setting: { env: { SKEP_STORAGE_MAXBYTES: '1GiB' } },
    problem: { kind: 'unknown', key: undefined, nearest: 'SKEP_STORAGE_MAX_BYTES' },
    line: 'SKEP_STORAGE_MAXBYTES: names no key; did you mean SKEP_STORAGE_MAX_BYTES?',
  },
  {
    name: 'a bad option',
    setting: { set: ['log.level=loud'] },
    problem: { kind: 'type', key: 'log.level', origin: { layer: 'set' } },
    line: '--set log.level: expected one of fatal, error, warn, info, debug, trace, silent, got "loud"',
  },
  {
    name: 'an option for an unknown key',
    setting: { set: ['log.levle=debug'] },
    problem: { kind: 'unknown', nearest: 'log.level' },
    line: '--set log.levle: no such key; did you mean log.level?',
  },
  {
    name: 'an option without a value',
    setting: { set: ['log.level'] },
    problem: { kind: 'syntax', origin: { layer: 'set', name: 'log.level' } },
    line: '--set log.level: expected key=value',
  },
  {
    name: 'an unknown profile',
    setting: { profile: 'pi-6' },
    problem: { kind: 'type', key: 'profile' },
    line: '--profile: profile: expected one of auto, pi-zero, pi-4, pi-5, server, got "pi-6"',
  },
  {
    name: 'YAML that is none',
    setting: { user: 'log:\n  level: [info\n' },
    problem: { kind: 'syntax', origin: { layer: 'user', line: 3, column: 1 } },
    line: 'user.yaml:3:1: not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
  },
  {
    name: 'a file that is a list',
    setting: { user: '- log\n' },
    problem: { kind: 'syntax' },
    line: 'user.yaml:1:1: expected keys and values',
  },
  {
    name: 'a key twice',
    setting: { user: 'log:\n  level: info\n  level: debug\n' },
    problem: { kind: 'syntax', origin: { line: 3 } },
    line: 'user.yaml:3:3: expected "level" once in its section',
  },
  {
    name: 'a key that is no word',
    setting: { user: '? [log, level]\n: info\n' },
    problem: { kind: 'syntax' },
    line: 'user.yaml:1:3: expected a plain key',
  },
  {
    name: 'an alias',
    setting: { user: 'log: &a\n  level: info\nnetwork: *a\n' },
    problem: { kind: 'syntax', origin: { line: 3, column: 10 } },
    line: 'user.yaml:3:10: expected the value itself: aliases are not read',
  },
  {
    name: 'a merge',
    setting: { user: 'log:\n  <<: { level: info }\n' },
    problem: { kind: 'unknown', key: 'log.<<' },
    line: 'user.yaml:2:3: log.<<: no such key',
  },
  {
    name: 'a tag',
    setting: { user: 'log: !!js/function "f"\n' },
    problem: { kind: 'syntax' },
    line: 'user.yaml:1:6: not valid YAML: Unresolved tag: tag:yaml.org,2002:js/function',
  },
  {
    name: 'a list in a list',
    setting: { user: 'network:\n  listen: [[/ip4/127.0.0.1/tcp/0]]\n' },
    problem: { kind: 'syntax' },
    line: 'user.yaml:2:3: expected a list of plain values',
  },
  {
    name: 'a file that is too large',
    setting: { user: `# ${'x'.repeat(200_000)}\n` },
    problem: { kind: 'syntax' },
    line: 'user.yaml: expected at most 131072 characters, got 200003',
  },
  {
    name: 'an unknown plugin, with the nearest',
    setting: { user: 'plugins:\n  honye:\n' },
    problem: { kind: 'plugin', key: 'plugins.honye', origin: { line: 2 } },
    line: 'user.yaml:2:3: plugins.honye: no plugin "honye" comes with skep (it has honey); did you mean honey?',
  },
  {
    name: 'a plugin name that is none',
    setting: { user: 'plugins:\n  Honey Bee:\n' },
    problem: { kind: 'unknown', key: 'plugins.Honey Bee' },
    line: 'user.yaml:2:3: plugins.Honey Bee: no such key',
  },
  {
    name: 'a plugin whose own check fails',
    setting: { user: 'plugins:\n  honey:\n    lowBytes: 2KiB\n' },
    problem: { kind: 'plugin', key: 'plugins.honey', origin: { line: 2 } },
    line: 'user.yaml:2:3: plugins.honey: expected lowBytes of at most 1024, got 2048',
  },
  {
    name: 'a key that would change every object',
    setting: { user: '__proto__:\n  polluted: true\n' },
    problem: { kind: 'unknown', key: '__proto__' },
    line: 'user.yaml:1:1: __proto__: no such key',
  },
  {
    name: 'the same in a plugin',
    setting: { user: 'plugins:\n  honey:\n    constructor: { prototype: { polluted: true } }\n' },
    problem: { kind: 'unknown', key: 'plugins.honey.constructor' },
    line: 'user.yaml:3:5: plugins.honey.constructor: no such key',
  },
  {
    name: 'the same as a plugin',
    setting: { user: 'plugins:\n  constructor:\n    prototype: 1\n' },
    problem: { kind: 'unknown', key: 'plugins.constructor' },
    line: 'user.yaml:2:3: plugins.constructor: no such key',
  },
  {
    name: 'the same as an option',
    setting: { set: ['__proto__.polluted=true'] },
    problem: { kind: 'unknown', key: '__proto__' },
    line: '--set __proto__.polluted: __proto__: no such key',
  },
]

for (const { name, setting, problem, line } of cases) {
  t.test(name, async t => {
    const error = await errorOf(t, setting)
    t.equal(error.code, 'CONFIG_INVALID')
    t.equal(error.message.replaceAll(`${t.testdirName}/`, ''), `A problem in the configuration:\n  ${line}`)
    t.match(error.problems, [problem])
    t.equal(error.problems.length, 1)
    t.equal(Object.hasOwn(Object.prototype, 'polluted'), false)
  })
}

t.test('all problems are told at once', async t => {
  const error = await errorOf(t, {
    defaults: 'log: { level: loud }\nplugins: { honey: }\n',
    budgets: 'storage: { maxBytes: 1MiB }\n',
    user: 'zebra: 1\nplugins:\n  honey:\n    maxBytes: 2GiB\n    lowBytes: 4GiB\n',
    env: { SKEP_LOG: 'x', SKEP_NETWORK_MAX_PEERS: 'x' },
    set: ['x', 'y=1'],
  })
  t.strictSame(
    error.problems.map(({ kind, key, origin }) => [kind, key ?? origin?.name]),
    [
      ['syntax', 'x'],
      ['type', 'network.maxPeers'],
      ['unknown', 'y'],
      ['unknown', 'SKEP_LOG'],
      ['type', 'log.level'],
      ['range', 'storage.maxBytes'],
      ['unknown', 'zebra'],
      ['range', 'plugins.honey.maxBytes'],
    ],
    "from the top of each file down; a plugin's own check waits until its keys are right",
  )
  t.match(error.message, /^8 problems in the configuration:\n/)
  t.match(error.fix, /skep config docs/)
})

t.test('a flood of problems is cut short', async t => {
  const user = Array.from({ length: 50 }, (_, index) => `zebra${index}: 1`).join('\n')
  const { message, problems } = await errorOf(t, { user })
  t.equal(problems.length, 50)
  t.equal(message.split('\n').length, 22)
  t.match(message, /\n {2}and 30 more$/)
})

t.test('hostile text is kept short and on its line', async t => {
  const { message } = await errorOf(t, { user: `"a\\n\\e[31m${'b'.repeat(500)}": 1` })
  t.equal(message.split('\n').length, 2)
  t.notMatch(message, '\u001b')
  t.ok(message.length < 250)
})

t.test("a file that isn't there, or can't be read", async t => {
  const directory = t.testdir({ 'a-directory': {}, 'default.yaml': '', profiles: { 'pi-zero.yaml': '' } })
  const options = { machine: SMALL, loadPlugin, configDirectory: directory }
  const missing = join(directory, 'missing.yaml')
  for (const [file, reason] of [
    [missing, /^can't be read: ENOENT/],
    [join(directory, 'a-directory'), /^can't be read: EISDIR/],
  ] as const) {
    const error: unknown = await checkConfig(file, options).catch(error => error)
    t.match(error, {
      code: 'CONFIG_INVALID',
      problems: [{ kind: 'file', origin: { file }, message: reason }],
    })
  }
})

t.test('reserved, empty and foreign variables are no keys', async t => {
  const reserved = ['SKEP_DATA', 'SKEP_SOCKET', 'SKEP_CONFIG', 'SKEP_DEBUG', 'SKEP_BENCH_DIRECTORY']
  const env = Object.fromEntries([...reserved, 'OTHER'].map(name => [name, 'x']))
  const config = await load(t, { env: { ...env, SKEP_LOG_LEVEL: '' } })
  t.equal(config.core.log.level, 'info')
})

t.test('a file is checked by itself', async t => {
  const configDirectory = t.testdir({
    'default.yaml': '',
    'good.yaml': 'log: { level: warn }',
    'bad.yaml': 'log: { level: loud }',
    profiles: { 'pi-zero.yaml': '' },
  })
  const options = { machine: SMALL, loadPlugin, configDirectory }
  t.equal((await checkConfig(join(configDirectory, 'good.yaml'), options)).core.log.level, 'warn')
  await t.rejects(checkConfig(join(configDirectory, 'bad.yaml'), options), { code: 'CONFIG_INVALID' })
})
