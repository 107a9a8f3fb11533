/** Walks the directory named on the command line as fast as it can until stdin ends, and then prints what it saw. */
import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'

/** What `stat` calls a block, whatever the file system has. */
const STAT_BLOCK_BYTES = 512

const [directory = ''] = process.argv.slice(2)

/** Notes the allocated bytes of each file and directory, as `du` counts them; what goes meanwhile counts as gone. */
function look(path: string, allocatedBytes = new Map<string, number>()): Map<string, number> {
  try {
    const stats = lstatSync(path)
    allocatedBytes.set(path, stats.blocks * STAT_BLOCK_BYTES)
    if (stats.isDirectory()) for (const name of readdirSync(path)) look(join(path, name), allocatedBytes)
  } catch {
    allocatedBytes.delete(path)
  }
  return allocatedBytes
}

const seen = { maxBytes: 0, lastBytes: 0, samples: 0 }
let isOver = false
process.stdin.resume().on('end', () => {
  isOver = true
})
let before = look(directory)
do {
  const now = look(directory)
  // A walk takes time: room that one file gives to another meanwhile is seen twice. What was there in both walks was there
  // at the moment between them.
  let bothBytes = 0
  seen.lastBytes = 0
  for (const [path, bytes] of now) {
    seen.lastBytes += bytes
    bothBytes += Math.min(bytes, before.get(path) ?? 0)
  }
  before = now
  seen.maxBytes = Math.max(seen.maxBytes, bothBytes)
  if (seen.samples++ === 0) process.stdout.write('\n')
  await setImmediate()
} while (!isOver)
process.stdout.write(`${JSON.stringify(seen)}\n`)
