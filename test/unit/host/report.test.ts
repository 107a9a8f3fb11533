import t from 'tap'
import { bootReport } from '../../../core/host/report.ts'

t.test('a report tells what needs attention first, with its fix', async t => {
  const { text, ok } = bootReport([
    { name: 'discovery', version: '1.0.0', state: 'running', startMs: 12 },
    { name: 'cache', version: '1.2.0', state: 'failed', reason: 'start() failed: no disk', fix: 'Mount it.' },
    {
      name: 'gateway',
      version: '1.0.0',
      state: 'blocked',
      reason: 'needs cache',
      fix: 'Mend plugin cache first.',
    },
    { name: 'sync', version: '', state: 'disabled' },
  ])
  t.notOk(ok)
  t.equal(
    text,
    [
      'plugins: 1 failed, 1 blocked, 1 running, 1 disabled',
      '  failed    cache 1.2.0      start() failed: no disk',
      '            fix: Mount it.',
      '  blocked   gateway 1.0.0    needs cache',
      '            fix: Mend plugin cache first.',
      '  running   discovery 1.0.0  12 ms',
      '  disabled  sync',
    ].join('\n'),
  )
})

t.test('all is well where every enabled plugin runs, also without any', async t => {
  t.ok(bootReport([{ name: 'a', version: '1.0.0', state: 'running' }]).ok)
  t.notOk(bootReport([{ name: 'a', version: '1.0.0', state: 'stopped' }]).ok)
  t.match(bootReport([]), { ok: true, text: 'plugins: none' })
})
