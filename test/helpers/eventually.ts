import { setTimeout as wait } from 'node:timers/promises'

const INTERVAL_MS = 50
const LIMIT_MS = 60_000

/**
 * Asks `read` until it gives something other than undefined, for what another process does and can't tell: the only wait by
 * time in the tests, and one that ends as soon as the thing has happened. Throws after a minute, naming `what`.
 */
export async function eventually<T>(
  what: string,
  read: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const deadline = performance.now() + LIMIT_MS
  for (;;) {
    const value = await read()
    if (value !== undefined) return value
    if (performance.now() > deadline) throw new Error(`waited ${LIMIT_MS} ms for ${what}`)
    await wait(INTERVAL_MS)
  }
}
