import type { NetworkOptions } from '../../core/network/network.ts'

/** A network on a free port of 127.0.0.1, with room and rates for all that a test does. */
export const networkOptions: NetworkOptions = {
  listen: ['/ip4/127.0.0.1/tcp/0'],
  announce: [],
  blocked: [],
  maxPeers: 100,
  maxHeldBytes: 32 * 1024 * 1024,
  maxConnections: 50,
  lowConnections: 40,
  maxInboundPerSecond: 100,
  maxInboundPerSubnet: 100,
  maxDialsPerSecond: 1000,
  dialTimeoutMs: 10_000,
  agent: 'skep/test',
}
