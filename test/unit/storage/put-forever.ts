/** Puts random blocks into the store named on the command line and prints each one's CID once its put is acknowledged. */
import { randomBytes, randomInt } from 'node:crypto'
import { writeSync } from 'node:fs'
import { silentLogger } from '../../../core/logger.ts'
import { openStorage } from '../../../core/storage/open.ts'
import { block } from '../../conformance/block-store.ts'

const [directory = ''] = process.argv.slice(2)
const MIB = 1024 * 1024
const { blocks } = await openStorage(
  { directory, maxBytes: 1024 * MIB, minFreeDiskBytes: 0, mapBytes: 64 * MIB },
  { log: silentLogger },
)

async function putForever(): Promise<never> {
  const mine: Uint8Array[] = []
  for (;;) {
    const { cid, bytes } = block(0, randomBytes(randomInt(4) === 0 ? randomInt(300_000) : randomInt(60_000)))
    await blocks.put(cid, bytes)
    writeSync(1, `+${cid}\n`)
    mine.push(cid.multihash.bytes)
    if (mine.length < 6) continue
    // Slots that come free while others are written are where a wrong order would show.
    const gone = mine.shift()
    if (!gone) continue
    writeSync(1, `-${Buffer.from(gone).toString('hex')}\n`)
    await blocks.delete([gone])
  }
}

await Promise.all(Array.from({ length: 8 }, putForever))
