import t from 'tap'
import { bytesOf, readProcessUse } from '../../../plugins/monitoring/process-use.ts'

const STATUS = 'VmPeak:\t  912 kB\nVmRSS:\t    1736 kB\nRssAnon:\t     112 kB\nThreads:\t11\n'

t.test('fields of /proc/self/status', async t => {
  t.equal(bytesOf(STATUS, 'VmRSS'), 1736 * 1024)
  t.equal(bytesOf(STATUS, 'RssAnon'), 112 * 1024)
  t.equal(bytesOf(STATUS, 'Threads'), undefined)
  t.equal(bytesOf('', 'VmRSS'), undefined)
})

t.test('this process', async t => {
  const use = readProcessUse(5)
  t.ok(use.residentBytes > 1e7 && use.cpuSeconds > 0)
  t.equal(use.loopLagMs, 5)
  if (process.platform === 'linux')
    t.ok((use.anonymousBytes ?? 0) > 1e6 && (use.anonymousBytes ?? 0) < use.residentBytes)
})
