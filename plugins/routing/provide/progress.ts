import type { KeyValueStore } from '../../../core/api.ts'

/** How far the announcements of a period are. */
export interface Progress {
  /** When the period began, in milliseconds since 1970. */
  readonly startedMs: number
  /** All before this share of the key space was announced in it. */
  readonly position: number
}

const BUCKET = 'routing/provide'
const KEY = Buffer.from('progress')

/** When what lies at `position` is due, by the clock that `startedMs` is of. */
export function dueMs({ startedMs, position }: Progress, periodMs: number): number {
  return startedMs + position * periodMs
}

/** Everything is due: for what was never announced, or to nodes that have gone. */
export function overdue(nowMs: number, periodMs: number): Progress {
  return { startedMs: nowMs - periodMs, position: 0 }
}

/** What follows on a period's end. One that was late isn't made up for: the next begins now. */
export function nextPeriod({ startedMs }: Progress, nowMs: number, periodMs: number): Progress {
  return { startedMs: Math.max(startedMs + periodMs, nowMs - periodMs), position: 0 }
}

/** Goes on where an earlier run was. A clock that went back since says nothing: then all is on time. */
export function resumed(saved: Progress | undefined, nowMs: number, periodMs: number): Progress {
  if (!saved) return overdue(nowMs, periodMs)
  const { position } = saved
  if (saved.startedMs > nowMs) return { startedMs: nowMs - position * periodMs, position }
  // Longer ago than a period all records may have ended.
  const isLost = dueMs(saved, periodMs) < nowMs - periodMs
  return isLost ? overdue(nowMs, periodMs) : saved
}

/** Undefined where nothing was saved, or what is there is none. */
export function loadProgress(store: KeyValueStore): Progress | undefined {
  const bytes = store.bucket(BUCKET).get(KEY)
  return bytes && decodeProgress(bytes)
}

/** Undefined for what is none: only a damaged index has such. */
function decodeProgress(bytes: Uint8Array): Progress | undefined {
  try {
    const { startedMs, position } = JSON.parse(Buffer.from(bytes).toString())
    const isSound = Number.isFinite(startedMs) && position >= 0 && position <= 1 && Number.isFinite(position)
    return isSound ? { startedMs, position } : undefined
  } catch {
    return undefined
  }
}

export async function saveProgress(store: KeyValueStore, progress: Progress): Promise<void> {
  const bucket = store.bucket(BUCKET)
  await store.write(batch => batch.put(bucket, KEY, Buffer.from(JSON.stringify(progress))))
}
