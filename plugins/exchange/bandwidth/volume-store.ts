import { type KeyValueStore, messageOf } from '../../../core/api.ts'
import { EMPTY_MONTH, type Month } from './month.ts'

const BUCKET = 'exchange/volume'
const KEY = Buffer.from('month')

/** One entry, of under 200 bytes: the volume of the month, as JSON. */
export interface VolumeStore {
  /** Where the entry can't be read, tells `onUnreadable` and begins with none used. */
  load(onUnreadable: (reason: string) => void): Month
  /** Resolves when it is durable. */
  save(month: Month): Promise<void>
}

export function createVolumeStore(store: KeyValueStore): VolumeStore {
  return {
    load(onUnreadable) {
      const entry = store.bucket(BUCKET).get(KEY)
      if (!entry) return EMPTY_MONTH
      try {
        return decode(Buffer.from(entry).toString())
      } catch (error) {
        onUnreadable(messageOf(error))
        return EMPTY_MONTH
      }
    },
    async save(month) {
      await store.write(batch => batch.put(store.bucket(BUCKET), KEY, Buffer.from(JSON.stringify(month))))
    },
  }
}

function decode(text: string): Month {
  const { startMs, sentBytes, receivedBytes, doubtMs } = JSON.parse(text)
  for (const count of [startMs ?? 0, sentBytes, receivedBytes, doubtMs]) {
    if (!Number.isFinite(count) || count < 0) throw new TypeError(`${text} is no month's volume`)
  }
  return { startMs: startMs ?? undefined, sentBytes, receivedBytes, doubtMs }
}
