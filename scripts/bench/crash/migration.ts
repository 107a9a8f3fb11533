import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { silentLogger } from '../../../core/logger.ts'
import { LmdbStore } from '../../../core/storage/lmdb.ts'
import { formatOf, type Migration, migrate } from '../../../core/storage/migrations.ts'
import type { Findings } from './inspection.ts'
import type { Cut } from './victim.ts'

const MIB = 1024 * 1024
const NUMBERS = 10_000
const NUMBERS_PER_SLICE = 32
const BUCKET = 'bench/numbers'

/** No format has needed a migration yet, so one of numbers stands for those to come: run twice, it would show. */
const DOUBLE: Migration = {
  to: 2,
  name: 'numbers are doubled',
  slice(store, batch, from) {
    const bucket = store.bucket(BUCKET)
    const slice = [...bucket.entries({ ...(from && { from }), limit: NUMBERS_PER_SLICE + 1 })]
    const next = slice.length > NUMBERS_PER_SLICE ? slice.pop()?.[0] : undefined
    for (const [key, value] of slice) batch.put(bucket, key, numberOf(2 * Buffer.from(value).readUInt32BE()))
    return next
  },
}

export function openNumbers(directory: string): LmdbStore {
  mkdirSync(directory, { recursive: true })
  return new LmdbStore(
    { directory, environment: 'index', mapBytes: 64 * MIB },
    {
      onFatal(error) {
        throw error
      },
    },
  )
}

export function migrateNumbers(store: LmdbStore): Promise<void> {
  return migrate(store, 'index', silentLogger, 2, [DOUBLE])
}

/** Cuts a migration after `delayMs`, then runs it to its end and looks whether each number was doubled once. */
export async function cutMigration(
  directory: string,
  { delayMs, cut }: { readonly delayMs: number; readonly cut: Cut },
): Promise<Findings> {
  await writeNumbers(directory)
  const script = new URL('migrate-forever.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [script, directory], { stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = once(child, 'exit')
  await Promise.race([once(child.stdout, 'data'), ended])
  await setTimeout(delayMs)
  await cut(async () => {
    child.kill('SIGKILL')
    await ended
  })

  let store: LmdbStore
  try {
    store = openNumbers(directory)
  } catch (error) {
    return { lost: [], corrupt: [], miscounted: [], unopenable: [String(error)] }
  }
  try {
    await migrateNumbers(store)
    const lost: string[] = []
    if (formatOf(store, 'index') !== 2) lost.push('the migration did not end')
    for (let number = 0; number < NUMBERS; number++) {
      const value = store.bucket(BUCKET).get(numberOf(number))
      const found = value && Buffer.from(value).readUInt32BE()
      if (found !== 2 * number) lost.push(`${2 * number} is ${found}`)
    }
    return { lost, corrupt: [], miscounted: [], unopenable: [] }
  } finally {
    await store.close()
  }
}

async function writeNumbers(directory: string): Promise<void> {
  const store = openNumbers(directory)
  await migrate(store, 'index', silentLogger, 1, [])
  await store.write(batch => {
    for (let number = 0; number < NUMBERS; number++) {
      batch.put(store.bucket(BUCKET), numberOf(number), numberOf(number))
    }
  })
  await store.close()
}

function numberOf(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
