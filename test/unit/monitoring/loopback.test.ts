import t from 'tap'
import { isLoopbackAddress, isLoopbackHost } from '../../../plugins/monitoring/loopback.ts'

const hosts: Record<string, boolean> = {
  localhost: true,
  'localhost:9464': true,
  'LocalHost:9464': true,
  '127.0.0.1': true,
  '127.0.0.1:9464': true,
  '127.9.8.7:1': true,
  '[::1]': true,
  '[::1]:9464': true,
  '[::ffff:127.0.0.1]:9464': true,
  '': false,
  'evil.example': false,
  'evil.example:9464': false,
  'localhost.evil.example': false,
  '127.0.0.1.evil.example': false,
  'evil.example/127.0.0.1': false,
  '0.0.0.0:9464': false,
  '192.168.1.2': false,
  '[::2]:9464': false,
}

for (const [host, expected] of Object.entries(hosts)) {
  t.test(`host "${host}" is ${expected ? '' : 'not '}this machine`, async t => {
    t.equal(isLoopbackHost(host), expected)
  })
}

t.test('addresses', async t => {
  t.same(['127.0.0.1', '::1', '::ffff:127.0.0.1'].map(isLoopbackAddress), [true, true, true])
  t.same(
    ['0.0.0.0', '::', '10.0.0.1', '128.0.0.1', 'x127.0.0.1'].map(isLoopbackAddress),
    Array(5).fill(false),
  )
})
