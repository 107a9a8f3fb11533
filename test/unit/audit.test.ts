import t from 'tap'
import { countProduction, unexplained } from '../../scripts/audit.ts'

const advisory = (id: string, severity: string) => ({
  url: `https://github.com/advisories/${id}`,
  title: 'it may be harmed',
  severity,
})

t.test('only what is grave and has no reason is told, once', async t => {
  const grave = advisory('GHSA-aaaa-bbbb-cccc', 'high')
  const report = {
    vulnerabilities: {
      one: { via: [grave, grave, advisory('GHSA-dddd-eeee-ffff', 'moderate')] },
      two: { via: ['one', advisory('GHSA-1111-2222-3333', 'critical')] },
    },
  }
  t.strictSame(unexplained(report, '| GHSA-1111-2222-3333 | not reached |'), [
    'one: high: it may be harmed (https://github.com/advisories/GHSA-aaaa-bbbb-cccc)',
  ])
  t.equal(unexplained(report, '').length, 2)
  t.strictSame(unexplained({ vulnerabilities: {} }, ''), [])
})

t.test('what is for production counts once a version, wherever it lies', async t => {
  const packages = {
    '': { version: '0.1.0' },
    'node_modules/one': { version: '1.0.0' },
    'node_modules/@of/two/node_modules/one': { version: '2.0.0' },
    'node_modules/@of/three/node_modules/one': { version: '2.0.0' },
    'node_modules/@of/two': { version: '1.0.0' },
    'node_modules/tool': { version: '1.0.0', dev: true },
  }
  t.equal(countProduction({ packages }), 3)
})
