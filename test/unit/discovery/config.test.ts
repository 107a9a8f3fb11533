import t from 'tap'
import { type DiscoveryConfig, validate } from '../../../plugins/discovery/config.ts'

const valid: DiscoveryConfig = {
  mdns: { enabled: true, serviceTag: undefined, intervalMs: 10_000 },
  bootstrap: ['/dnsaddr/example.net/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'],
  exchange: { enabled: true, intervalMs: 10_000 },
  maxCandidates: 1,
  dial: {
    targetPeers: 1,
    targetMembers: 1,
    maxParallel: 1,
    perSecond: 1,
    jitterMs: 0,
    minBackoffMs: 10,
    maxBackoffMs: 10,
  },
}

const bad: Record<string, DiscoveryConfig> = {
  'mdns.serviceTag': { ...valid, mdns: { ...valid.mdns, serviceTag: 'skep' } },
  bootstrap: { ...valid, bootstrap: ['/ip4/192.0.2.1/tcp/4001'] },
  'dial.minBackoffMs': { ...valid, dial: { ...valid.dial, minBackoffMs: 11 } },
}

t.test('a config that fits is taken', async t => {
  t.doesNotThrow(() => validate(valid))
  t.doesNotThrow(() => validate({ ...valid, mdns: { ...valid.mdns, serviceTag: '_p2p._udp.local' } }))
})

for (const [key, config] of Object.entries(bad)) {
  t.test(`${key}: what does not fit is named`, async t => {
    t.throws(() => validate(config), {
      code: 'DISCOVERY_CONFIG_INVALID',
      message: new RegExp(`^${key} .*expected`),
    })
  })
}
