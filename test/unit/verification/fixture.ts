import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import type { Test } from 'tap'
import type { Clock } from '../../../core/clock.ts'
import { silentLogger } from '../../../core/logger.ts'
import { createMetrics } from '../../../core/metrics.ts'
import type { Storage } from '../../../core/storage/storage.ts'
import { schema, type VerificationConfig } from '../../../plugins/verification/config.ts'
import { createVerificationMetrics } from '../../../plugins/verification/metrics.ts'
import { Verification } from '../../../plugins/verification/verification.ts'
import { createTestNode, type TestNode } from '../../helpers/content-node.ts'
import { MIB, openAt, segmentFiles } from '../storage/stores.ts'

export const HOUR_MS = 3_600_000
export const DAY_MS = 24 * HOUR_MS

/** Time that passes as soon as somebody waits for it. */
export interface QuickClock extends Clock {
  /** No wait ends after this; those that would stay. Raise it to let time pass. */
  limitMs: number
}

export function quickClock(startMs = 0): QuickClock {
  let nowMs = startMs
  const waiting = new Set<{ dueMs: number; wake: () => void }>()
  let limitMs = Number.POSITIVE_INFINITY
  const wakeNext = async (): Promise<void> => {
    // Reads and writes that are under way come first: in no time, as this clock sees it.
    for (let turns = 0; turns < 8; turns++) await turn()
    const next = [...waiting].sort((a, b) => a.dueMs - b.dueMs)[0]
    if (!next || next.dueMs > limitMs) return
    nowMs = Math.max(nowMs, next.dueMs)
    waiting.delete(next)
    next.wake()
  }
  return {
    get limitMs() {
      return limitMs
    },
    set limitMs(ms) {
      limitMs = ms
      void wakeNext()
    },
    nowMs: () => nowMs,
    wallMs: () => 1_700_000_000_000 + nowMs,
    wait: (ms, signal) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted()
        const waiter = { dueMs: nowMs + ms, wake: resolve }
        waiting.add(waiter)
        signal.addEventListener(
          'abort',
          () => {
            waiting.delete(waiter)
            reject(signal.reason)
          },
          { once: true },
        )
        void wakeNext()
      }),
  }
}

export interface VerifiedNode extends TestNode {
  readonly directory: string
  readonly verification: Verification
  readonly clock: QuickClock
  /** The loops run until `condition` holds. */
  until(condition: () => boolean): Promise<void>
  /** The value of a metric. */
  metric(name: string): Promise<number>
  /** As a node that stops, keeping what is on disk. */
  close(): Promise<void>
}

export interface NodeOptions {
  readonly config?: Partial<VerificationConfig>
  readonly directory?: string
  readonly clock?: QuickClock
  readonly random?: () => number
}

const defaults = Object.fromEntries(
  Object.entries(schema).map(([key, { default: value }]) => [key, value]),
) as unknown as VerificationConfig

/** The content part of a node on a real disk, with its blocks verified. */
export async function startVerified(
  t: Test,
  { config, directory = t.testdir(), clock = quickClock(), random = () => 0 }: NodeOptions = {},
): Promise<VerifiedNode> {
  const storage = await openAt(t, directory, { maxBytes: 128 * MIB })
  const node = createTestNode({ storage })
  const metrics = createMetrics()
  const verification = new Verification(
    { ...defaults, ...config },
    {
      ...node,
      metrics: createVerificationMetrics(metrics.factory('verification')),
      log: silentLogger,
      clock,
      random,
    },
  )
  await node.pins.start()
  verification.open()
  let isClosed = false
  const close = async (): Promise<void> => {
    if (isClosed) return
    isClosed = true
    await verification.close()
    await node.pins.stop()
    await storage.close()
  }
  t.teardown(close)
  return {
    ...node,
    directory,
    verification,
    clock,
    async until(condition) {
      const stopping = new AbortController()
      const loops = [verification.scrubber, verification.repairer].map(loop =>
        loop.run(stopping.signal).catch(error => {
          if (!stopping.signal.aborted) throw error
        }),
      )
      const met = (async () => {
        while (!condition()) await turn()
      })()
      await Promise.race([met, ...loops])
      stopping.abort()
      await Promise.all(loops)
    },
    async metric(name) {
      const line = (await metrics.text())
        .split('\n')
        .find(text => text.startsWith(`skep_verification_${name} `))
      return Number(line?.split(' ')[1] ?? Number.NaN)
    },
    close,
  }
}

/** Turns over a bit of `bytes` where a segment file has them. */
export function rot(directory: string, bytes: Uint8Array): void {
  for (const file of segmentFiles(directory)) {
    const at = readFileSync(file).indexOf(bytes)
    if (at === -1) continue
    const fd = openSync(file, 'r+')
    const byte = Buffer.alloc(1)
    const offset = at + Math.floor(bytes.length / 2)
    readSync(fd, byte, 0, 1, offset)
    byte[0] = (byte[0] ?? 0) ^ 1
    writeSync(fd, byte, 0, 1, offset)
    closeSync(fd)
    return
  }
  throw new Error('no segment has these bytes')
}

/** Turns over a bit of a small block in the index. */
export async function rotInline(storage: Storage, hash: Uint8Array): Promise<void> {
  const bucket = storage.index.bucket('inline-blocks')
  const bytes = bucket.get(hash)
  if (!bytes) throw new Error('no such small block')
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
  await storage.index.write(batch => batch.put(bucket, hash, bytes))
}
