import { multiaddr } from '@multiformats/multiaddr'
import { startNode } from './nodes.ts'

// A node in a process of its own: tells its address and clock, then dials what it is told.

const node = await startNode({ teardown() {} })
process.on('message', async (addresses: string[]) => {
  await node.port.dial(addresses.map(address => multiaddr(address)))
})
process.send?.({ address: node.port.addresses()[0]?.toString(), nowMs: Date.now() })
