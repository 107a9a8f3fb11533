import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export interface DiskSamples {
  /** The most that was allocated at a time, as two walks in a row agree. */
  readonly maxBytes: number
  /** In the end. */
  readonly lastBytes: number
  readonly samples: number
}

/** Watches what a directory takes on disk, from a process of its own, until `end` is called. Resolves when it has begun. */
export async function sampleDisk(directory: string): Promise<{ end(): Promise<DiskSamples> }> {
  const script = new URL('sample-disk.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [script, directory], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  await lines.next()
  return {
    async end() {
      const exited = once(child, 'exit')
      child.stdin.end()
      const { value } = await lines.next()
      await exited
      return JSON.parse(value ?? '')
    },
  }
}
