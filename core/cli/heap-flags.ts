import { isSea } from 'node:sea'

/**
 * V8's young generation at its smallest. What a node reads is short-lived buffers, whose memory V8 doesn't see when it sizes
 * that space: with the default of 16 MiB they pile up outside it, which costs memory, cache misses and, by the time they
 * are collected, CPU. Measured in `core/decisions/0005-memory-of-blocks.md`.
 */
export const HEAP_FLAGS = ['--max-semi-space-size=2']

/**
 * Starts this program again in the same process with {@link HEAP_FLAGS}, unless it has them or the user has chosen others:
 * V8 takes them only at its start. Doesn't return where it did. An executable is born with them.
 */
export function withHeapFlags(): void {
  if (isSea()) return
  const given = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].join(' ')
  if (given.includes('semi-space-size') || !process.execve) return
  const args = [process.execPath, ...process.execArgv, ...HEAP_FLAGS, ...process.argv.slice(1)]
  process.execve(process.execPath, args, process.env)
}
