/**
 * Fills the store named on the command line with blocks of one size, and then with others, so that blocks move to make
 * room. Prints each block that is kept from eviction once its put is acknowledged.
 */
import { randomInt } from 'node:crypto'
import { writeSync } from 'node:fs'
import { silentLogger } from '../../../core/logger.ts'
import { openStorage } from '../../../core/storage/open.ts'
import { block } from '../../conformance/block-store.ts'
import { FifoEvictor } from './fifo-evictor.ts'

const [directory = '', ...kept] = process.argv.slice(2)
const MIB = 1024 * 1024
const SIZES = [64 * 1024, MIB, 40 * 1024]
const ROUND_BYTES = 32 * MIB
/** So that eviction has something to take. */
const MAX_KEPT = 120

const { blocks } = await openStorage(
  { directory, maxBytes: 32 * MIB, minFreeDiskBytes: 0, mapBytes: 64 * MIB },
  { log: silentLogger },
)
const evictor = new FifoEvictor(blocks)
for (const hash of kept) evictor.kept.add(hash)
blocks.attachEvictor(evictor)

for (let round = randomInt(SIZES.length); ; round++) {
  const size = SIZES[round % SIZES.length] ?? 0
  let begun = 0
  const write = async (): Promise<void> => {
    while (begun < ROUND_BYTES) {
      begun += size
      const { cid, bytes } = block(size)
      const hash = Buffer.from(cid.multihash.bytes).toString('hex')
      const isKept = size < MIB && evictor.kept.size < MAX_KEPT && randomInt(6) === 0
      if (isKept) evictor.kept.add(hash)
      await blocks.put(cid, bytes)
      if (isKept) writeSync(1, `${cid}\n`)
    }
  }
  await Promise.all(Array.from({ length: 8 }, write))
  writeSync(1, 'round\n')
}
