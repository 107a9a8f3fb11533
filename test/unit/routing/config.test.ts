import t from 'tap'
import { validate } from '../../../plugins/routing/config.ts'
import { configOf } from './fixture.ts'

t.test('delegated routers are URLs', async t => {
  validate(configOf({ delegated: ['https://example.org', 'http://127.0.0.1:8080/path'] }))
  for (const url of ['example.org', 'ftp://example.org', '']) {
    t.throws(() => validate(configOf({ delegated: [url] })), { code: 'URL_INVALID' })
  }
})

t.test('the name of a network is one part of a protocol', async t => {
  validate(configOf({ dht: { name: 'my-fleet.v2' } }))
  for (const name of ['', 'a/b', 'A', '-a']) {
    t.throws(() => validate(configOf({ dht: { name } })), { code: 'NAME_INVALID' })
  }
})
