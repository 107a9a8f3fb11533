import { once } from 'node:events'
import { cidOf } from '../../core/content/hashes.ts'
import { PROTOCOL } from '../../plugins/exchange/wire/codec.ts'
import { deliver, pretender } from '../chaos/exchange/script.ts'
import { pattern } from '../helpers/content-node.ts'
import { startNode } from '../unit/network/nodes.ts'

/**
 * Many honest peers in one process, for a network namespace. Its arguments: an address to listen on, how many. Each has the
 * same blocks. Prints a line of JSON when all are up; ends with its input.
 */
export interface PeersReady {
  readonly addresses: readonly string[]
  /** Of blocks that each of them has. */
  readonly cids: readonly string[]
}

const RAW = 0x55
const BLOCKS = 100
const BLOCK_BYTES = 256 * 1024

const [, , host = '127.0.0.1', count = '1'] = process.argv
const ends: (() => unknown)[] = []
const blocks = Array.from({ length: BLOCKS }, (_, seed) => {
  const bytes = pattern(BLOCK_BYTES, seed + 1)
  return { cid: cidOf(RAW, bytes), bytes }
})
const addresses: string[] = []
for (let peer = 0; peer < Number(count); peer++) {
  const node = await startNode({ teardown: end => ends.push(end) }, { listen: [`/ip4/${host}/tcp/0`] })
  await node.port.handle(PROTOCOL, pretender(blocks, deliver))
  addresses.push(String(node.port.addresses()[0]))
}
const ready: PeersReady = { addresses, cids: blocks.map(({ cid }) => String(cid)) }
console.log(JSON.stringify(ready))
process.stdin.resume()
await once(process.stdin, 'end')
for (const end of ends) await end()
