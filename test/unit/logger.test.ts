import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const logger = fileURLToPath(new URL('../../core/logger.ts', import.meta.url))

/** What a process logs that is killed right after its last line. */
function logged(level: string) {
  const script = `
    import { createLogger } from ${JSON.stringify(logger)}
    const log = createLogger('${level}').child({ plugin: 'cache' })
    log.debug('too much')
    log.warn({ err: new Error('no disk') }, 'last words')
    process.kill(process.pid, 'SIGKILL')`
  return spawnSync(process.execPath, ['--input-type=module-typescript', '--eval', script], {
    encoding: 'utf8',
  })
}

t.test('lines are JSON on stderr, and the last one before a crash is there', async t => {
  const { stdout, stderr } = logged('info')
  t.equal(stdout, '')
  const [line = ''] = stderr.split('\n')
  const entry = JSON.parse(line)
  t.match(entry, { level: 40, plugin: 'cache', msg: 'last words', err: { message: 'no disk' } })
  t.match(entry.time, /^\d{4}-\d\d-\d\dT/)
  t.notMatch(stderr, 'too much')
  t.match(logged('debug').stderr, 'too much')
})
