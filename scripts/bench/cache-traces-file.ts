import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { MAX_ENTRY_BYTES } from '../../plugins/cache/policies/entries.ts'
import type { Trace } from './cache-traces-families.ts'

/** A trace from a file: `key size` a line, in order of requests. The first size of a key counts; empty lines and # are skipped. */
export async function readTrace(path: string): Promise<Trace> {
  const objects = new Map<string, number>()
  const sizes: number[] = []
  const requests: number[] = []
  let line = 0
  for await (const text of createInterface({ input: createReadStream(path) })) {
    line += 1
    if (text.trim() === '' || text.startsWith('#')) continue
    const [key = '', size, ...more] = text.trim().split(/\s+/)
    const bytes = Number(size)
    if (more.length > 0 || !Number.isInteger(bytes) || bytes < 1 || bytes > MAX_ENTRY_BYTES) {
      throw new Error(`${path}:${line}: '${text}' is not a key and a size in bytes`)
    }
    const object = objects.get(key) ?? objects.size
    if (object === objects.size) {
      objects.set(key, object)
      sizes.push(bytes)
    }
    requests.push(object)
  }
  return { requests: Uint32Array.from(requests), sizes: Uint32Array.from(sizes) }
}
