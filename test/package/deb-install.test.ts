import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t from 'tap'
import type { NodeStatus } from '../../core/state/node-state.ts'
import { sha256OfFile } from '../../scripts/package/checksums.ts'
import { ROOT } from '../../scripts/package/settings.ts'
import { eventually } from '../helpers/eventually.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { type DebianMachine, debianMissing, startDebian } from './debian-machine.ts'
import { buildTestDeb } from './debs.ts'
import { executablesMissing } from './executables.ts'

const skip = debianMissing() || executablesMissing('x64')

/** Short enough for a test to see what happens to a node that hangs. */
const IMPATIENT = '[Service]\nWatchdogSec=2s\nRestartSec=100ms\n'

t.test('a Debian on which skep is installed', { skip, timeout: 280_000 }, async t => {
  const directory = await temporaryDirectory(t)
  const starting = startDebian()
  t.teardown(async () => (await starting)[Symbol.asyncDispose]())
  const [debian, before, now] = await Promise.all([
    starting,
    buildTestDeb(directory, { version: '0.0.9' }),
    buildTestDeb(directory, { version: '0.1.0' }),
  ])
  provide(debian, before, now, join(ROOT, 'scripts/install.sh'))
  await debian.read('useradd', '--create-home', 'alice')
  await debian.read('useradd', '--create-home', 'bob')

  const property = (name: string) => debian.read('systemctl', 'show', 'skep', '--value', '--property', name)
  const as = (user: string, ...command: string[]) => debian.run('runuser', '-u', user, '--', ...command)
  const status = async (): Promise<NodeStatus> => JSON.parse(await debian.read('skep', 'status', '--json'))

  t.test('install.sh leaves a service that is ready', async t => {
    const { code, stdout } = await debian.run('/root/install.sh', `/root/${basename(before)}`)
    t.equal(code, 0)
    t.match(stdout, /skep is installed/)
    t.equal(await property('ActiveState'), 'active')
    t.equal(await property('StatusText'), 'ready')
    t.equal(await debian.read('systemctl', 'is-enabled', 'skep'), 'enabled')
    t.match(await status(), { phase: 'ready', dataDirectory: '/var/lib/skep', version: String })
  })

  t.test('its files are of those who may', async t => {
    const modes = await debian.read('stat', '-c', '%a %U:%G %n', ...PLACES)
    t.strictSame(modes.split('\n'), [
      '750 skep:skep /run/skep',
      '660 skep:skep /run/skep/skep.sock',
      '700 skep:skep /var/lib/skep',
      '600 skep:skep /var/lib/skep/identity.key',
      '700 skep:skep /var/cache/skep',
      '644 root:root /etc/skep/config.yaml',
    ])
  })

  t.test('it has no right that it does not need', async t => {
    const process = await debian.read('cat', `/proc/${await property('MainPID')}/status`)
    t.match(process, /^CapBnd:\s0+$/m)
    t.match(process, /^CapEff:\s0+$/m)
    t.match(process, /^NoNewPrivs:\s1$/m)
    t.match(process, /^Seccomp:\s2$/m)
    t.notMatch(process, /^Uid:\s0/m)
  })

  t.test('its limits are those of the profile that it picks', async t => {
    const [, profile] = /50-(\S+)\.conf/.exec(await property('DropInPaths')) ?? []
    t.equal((await status()).profile, profile)
    t.match(await property('MemoryMax'), /^\d+$/)
  })

  t.test('members of its group use it without root, others do not', async t => {
    t.match(await as('bob', 'skep', 'status'), { code: 1, stderr: /no permission.*adduser/s })
    await debian.read('usermod', '--append', '--groups', 'skep', 'alice')
    t.match(await as('alice', 'skep', 'status'), { code: 0, stdout: /^node +ready$/m })
  })

  t.test('a card with an invite: the board joins, and the card has it no more', async t => {
    // Whoever invites is another node of the same machine.
    const owner = (...command: string[]) => debian.read('skep', ...OWNER_DATA, ...command)
    await debian.read('systemd-run', '--unit=owner', 'skep', 'start', ...OWNER)
    await eventually(
      'who invites',
      async () => (await debian.run('skep', ...OWNER_DATA, 'status')).code === 0 || undefined,
    )
    await owner('fleet', 'create', 'home')
    const { invite } = JSON.parse(await owner('fleet', 'invite', '--json'))
    mkdirSync(join(debian.root, 'boot/firmware'), { recursive: true })
    writeFileSync(join(debian.root, 'boot/firmware/skep-invite.txt'), `${invite}\n`)

    await debian.read('systemctl', 'restart', 'skep')
    const fleet = await eventually('a fleet', async () => {
      const { fleet } = JSON.parse(await debian.read('skep', 'fleet', 'status', '--json'))
      return fleet
    })
    t.match(fleet, { name: 'home', role: 'member' })
    t.equal(await debian.read('find', '/boot/firmware', '-type', 'f'), '')
    await eventually('the end of the file', async () =>
      (await debian.run('test', '-e', '/var/lib/skep/invite.txt')).code === 1 ? true : undefined,
    )
    await debian.read('systemctl', 'stop', 'owner')
    await debian.read('skep', 'fleet', 'leave')
  })

  t.test('a node that hangs is started anew, one that lives is left alone', async t => {
    const dropIns = join(debian.root, 'etc/systemd/system/skep.service.d')
    mkdirSync(dropIns)
    writeFileSync(join(dropIns, 'test.conf'), IMPATIENT)
    await debian.read('systemctl', 'daemon-reload')
    await debian.read('systemctl', 'restart', 'skep')
    const pid = await property('MainPID')
    const since = Number(await property('ActiveEnterTimestampMonotonic'))
    await eventually('signs of life for twice as long as the watchdog waits', async () => {
      const age = Number(await property('WatchdogTimestampMonotonic')) - since
      return age > 4_000_000 || undefined
    })
    t.equal(await property('MainPID'), pid)
    t.equal(await property('NRestarts'), '0')

    await debian.read('systemctl', 'kill', '--kill-who=main', '--signal=STOP', 'skep')
    await eventually('a new start', async () => ((await property('NRestarts')) === '1' ? true : undefined))
    await eventually('ready', async () => ((await property('StatusText')) === 'ready' ? true : undefined))
    t.not(await property('MainPID'), pid)
    writeFileSync(join(dropIns, 'test.conf'), '')
    await debian.read('systemctl', 'daemon-reload')
  })

  let content = ''
  let peerId = ''
  t.test('an upgrade keeps data and settings, and starts the service once', async t => {
    content = await debian.read('runuser', '-u', 'alice', '--', 'skep', 'add', '-q', '/usr/bin/skep')
    peerId = (await status()).peerId
    await debian.read('sh', '-c', 'echo "log: { level: debug }" >> /etc/skep/config.yaml')
    const starts = () => debian.read('journalctl', '-u', 'skep', '-g', '^Started', '-o', 'cat')
    const startsBefore = (await starts()).split('\n').length

    await debian.read('/root/install.sh', `/root/${basename(now)}`)
    t.equal((await debian.read('dpkg', '--status', 'skep')).match(/^Version: (.*)$/m)?.[1], '0.1.0')
    t.equal(await property('ActiveState'), 'active')
    t.equal((await starts()).split('\n').length, startsBefore + 1)
    t.equal((await status()).peerId, peerId)
    await debian.read('sh', '-c', `skep cat ${content} | cmp - /usr/bin/skep`)
    t.match(await debian.read('skep', 'config', 'show', '--running'), /^log\.level: debug$/m)
  })

  t.test('it stops when told, and stays stopped', async t => {
    t.match(await as('alice', 'skep', 'stop'), { code: 0 })
    await eventually('the end', async () =>
      (await property('ActiveState')) === 'inactive' ? true : undefined,
    )
    t.equal(await property('Result'), 'success')
    t.match(await as('alice', 'skep', 'status'), { code: 3 })
    await debian.read('systemctl', 'start', 'skep')
  })

  t.test(
    'data on a disk of its own: a disk that is missing is told, and nothing is written in its place',
    async t => {
      const example = '/usr/share/doc/skep/examples/usb-disk.conf'
      await debian.read('mkdir', '/mnt/skep')
      await debian.read('mount', '-t', 'tmpfs', 'disk', '/mnt/skep')
      await debian.read('install', '-d', '-m', '700', '-o', 'skep', '-g', 'skep', '/mnt/skep/node')
      const init = ['skep', 'init', '--volume', '--data', '/mnt/skep/node']
      t.match(await as('skep', ...init), { code: 0 })
      await debian.read('cp', example, '/etc/systemd/system/skep.service.d/usb-disk.conf')
      await debian.read('systemctl', 'daemon-reload')
      await debian.read('systemctl', 'restart', 'skep')
      t.equal((await status()).dataDirectory, '/mnt/skep/node')

      await debian.read('systemctl', 'stop', 'skep')
      await debian.read('umount', '/mnt/skep')
      const journal = ['journalctl', '-u', 'skep']
      const [, cursor] = /cursor: (.*)$/.exec(await debian.read(...journal, '-n', '0', '--show-cursor')) ?? []
      t.not((await debian.run('systemctl', 'start', 'skep')).code, 0)
      // The journal, because the service is soon started again, and its properties are those of the last start.
      const said = await eventually('the journal to tell of that start', async () => {
        const text = await debian.read(...journal, '--after-cursor', String(cursor), '-o', 'cat')
        return /Main process exited/.test(text) && /no \.skep-volume/.test(text) ? text : undefined
      })
      t.match(said, /no \.skep-volume in .*Mount/s)
      t.equal(/Main process exited, (.*)/.exec(said)?.[1], 'code=exited, status=1/FAILURE')
      t.equal(await debian.read('find', '/mnt/skep', '-mindepth', '1'), '')
      await debian.read('rm', '/etc/systemd/system/skep.service.d/usb-disk.conf')
      await debian.read('systemctl', 'daemon-reload')
    },
  )

  t.test('remove stops it, and keeps data and settings', async t => {
    await debian.read('systemctl', 'restart', 'skep')
    await debian.read('dpkg', '--remove', 'skep')
    t.equal(await debian.read('find', '/proc', '-maxdepth', '1', '-user', 'skep'), '', 'nothing of it runs')
    for (const place of ['etc/skep/config.yaml', 'var/lib/skep/identity.key']) {
      t.ok(existsSync(join(debian.root, place)), place)
    }
    t.notOk(existsSync(join(debian.root, 'usr/bin/skep')))
    await debian.read('/root/install.sh', `/root/${basename(now)}`)
    t.equal((await status()).peerId, peerId, 'and installed again it is the same node')
  })

  t.test('where it is disabled it stays so', async t => {
    await debian.read('systemctl', 'disable', '--now', 'skep')
    await debian.read('dpkg', '--install', `/root/${basename(now)}`)
    t.equal(await property('ActiveState'), 'inactive')
    t.equal((await debian.run('systemctl', 'is-enabled', 'skep')).stdout.trim(), 'disabled')
    await debian.read('systemctl', 'enable', '--now', 'skep')
  })

  t.test('purge leaves nothing but the user', async t => {
    await debian.read('rm', '-r', '/etc/systemd/system/skep.service.d', '/mnt/skep')
    await debian.read('dpkg', '--purge', 'skep')
    const mine = ['/root', '/home', '/proc', '/sys'].flatMap(path => ['-not', '-path', `${path}/*`])
    t.equal(await debian.read('find', '/', '-name', '*skep*', ...mine), '')
    t.equal(await debian.read('find', '/', '-xdev', '-user', 'skep'), '')
    t.match(await debian.read('id', 'skep'), /^uid=/)
    t.equal(await debian.read('systemctl', 'list-units', '--all', '--no-legend', 'skep*'), '')
  })
})

const OWNER_DATA = ['--data', '/root/owner']
const OWNER = [
  ...OWNER_DATA,
  '--set',
  'network.listen=/ip4/127.0.0.1/tcp/0',
  '--set',
  'plugins.monitoring.port=0',
]

const PLACES = [
  '/run/skep',
  '/run/skep/skep.sock',
  '/var/lib/skep',
  '/var/lib/skep/identity.key',
  '/var/cache/skep',
  '/etc/skep/config.yaml',
]

/** Puts files into /root, with their checksums. */
function provide(debian: DebianMachine, ...files: string[]): void {
  const home = join(debian.root, 'root')
  for (const file of files) copyFileSync(file, join(home, basename(file)))
  const sums = files.map(file => `${sha256OfFile(file)}  ${basename(file)}\n`)
  writeFileSync(join(home, 'SHA256SUMS'), sums.join(''))
}
