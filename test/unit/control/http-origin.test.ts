import t from 'tap'
import {
  hostName,
  isLoopbackAddress,
  isLoopbackHost,
  isOwnHost,
  isSameOrigin,
} from '../../../core/control/http-origin.ts'

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
  'localhost.': false,
  'localhost.:9464': false,
  'evil@localhost': false,
  'localhost@evil.example': false,
  'localhost, evil.example': false,
  '127.0.0.1:evil': false,
  '[::1].evil.example': false,
  '[::1%25lo]:9464': false,
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

t.test('the name in a Host header', async t => {
  const names = ['Pi.Local', 'pi.local:80', '[2001:DB8::1]:80', '[::1]', '10.0.0.1:65535', '', ':80']
  t.same(names.map(hostName), ['pi.local', 'pi.local', '2001:db8::1', '::1', '10.0.0.1', '', ''])
})

t.test('by which names a node may be asked', async t => {
  const own = (host: string, localAddress = '192.168.1.5') => isOwnHost(host, localAddress, ['pi.local'])
  for (const host of ['localhost:1', '127.0.0.1:1', '[::1]:1', '192.168.1.5:1', 'pi.local', 'PI.local:443']) {
    t.ok(own(host), host)
  }
  // A name that any page can have pointed here; another machine's address; what looks like ours.
  for (const host of [
    'evil.example',
    '192.168.1.6',
    'pi.local.evil.example',
    'x.pi.local',
    '192.168.1.5.nip.io',
    '',
  ]) {
    t.notOk(own(host), host)
  }
  t.ok(own('192.168.1.5', '::ffff:192.168.1.5'), 'an IPv6 socket says an IPv4 address otherwise')
  t.ok(own('[FE80::1]:9', 'fe80::1'))
})

t.test('pages of the same origin', async t => {
  t.ok(isSameOrigin('http://pi.local:9464', 'pi.local:9464'))
  t.ok(isSameOrigin('https://pi.local', 'pi.local'))
  for (const origin of ['null', '', 'http://pi.local', 'http://evil.example:9464', 'pi.local:9464']) {
    t.notOk(isSameOrigin(origin, 'pi.local:9464'), origin)
  }
  t.notOk(isSameOrigin('http://pi.local', undefined))
})
