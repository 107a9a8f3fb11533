import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { SkepProcess, skep } from '../../helpers/skep-process.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

const env = { SKEP_STORAGE_REQUIRE_MARKER: 'true' }

t.test('beneath an empty mount point nothing starts and nothing is written', async t => {
  const mountPoint = await temporaryDirectory(t)
  for (const directory of [mountPoint, join(mountPoint, 'skep')]) {
    for (const command of [['start'], ['init'], ['storage', 'rebuild']]) {
      const { code, stdout, stderr } = await skep([...command, '--data', directory, '--json'], { env })
      t.equal(code, 1, command.join(' '))
      t.equal(stdout, '')
      const { error } = JSON.parse(stderr)
      t.match(error, {
        code: 'VOLUME_MISSING',
        message: directory,
        fix: /Mount the disk.*skep init --volume/,
      })
    }
  }
  t.strictSame(readdirSync(mountPoint), [])
})

t.test('a disk that was prepared is used', async t => {
  const directory = join(await temporaryDirectory(t), 'skep')
  for (const _ of ['once', 'again']) {
    t.match(await skep(['init', '--volume', '--data', directory], { env }), { code: 0, stderr: '' })
  }
  t.ok(existsSync(join(directory, '.skep-volume')))
  const args = ['--set', 'plugins.monitoring.port=0', '--set', 'plugins.discovery.mdns.enabled=false']
  const node = await SkepProcess.start(directory, args, { env })
  t.equal(await node.end(), 0)
})

t.test('without the setting no marker is asked for', async t => {
  const directory = await temporaryDirectory(t)
  mkdirSync(join(directory, 'data'))
  t.match(await skep(['init', '--data', join(directory, 'data')]), { code: 0 })
  t.notOk(existsSync(join(directory, 'data', '.skep-volume')))
})
