import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Bytes of all buffers and typed arrays of this process that somebody still holds. */
export function heldBufferBytes(): number {
  // The first may leave the sweeping of buffers to another thread; the second waits for that.
  collectGarbage()
  collectGarbage()
  return process.memoryUsage().arrayBuffers
}
