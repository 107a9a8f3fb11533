/** Walks the directory named on the command line as fast as it can until stdin ends, and then prints what it saw. */
import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'

/** What `stat` calls a block, whatever the file system has. */
const STAT_BLOCK_BYTES = 512

const [directory = ''] = process.argv.slice(2)

/** Allocated bytes, as `du` counts them; what goes while it is looked at counts as gone. */
function allocatedBytes(path: string): number {
  try {
    const stats = lstatSync(path)
    const own = stats.blocks * STAT_BLOCK_BYTES
    if (!stats.isDirectory()) return own
    return readdirSync(path).reduce((sum, name) => sum + allocatedBytes(join(path, name)), own)
  } catch {
    return 0
  }
}

const seen = { maxBytes: 0, lastBytes: 0, samples: 0 }
let isOver = false
process.stdin.resume().on('end', () => {
  isOver = true
})
do {
  seen.lastBytes = allocatedBytes(directory)
  seen.maxBytes = Math.max(seen.maxBytes, seen.lastBytes)
  if (seen.samples++ === 0) process.stdout.write('\n')
  await setImmediate()
} while (!isOver)
process.stdout.write(`${JSON.stringify(seen)}\n`)
