import { randomUUID } from 'node:crypto'
import { link, readdir, readFile, rm, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { storageError } from './errors.ts'

/** A process, told from any other that had or will have its number. */
export interface Holder {
  readonly pid: number
  /** Clock ticks since boot at which it started; empty where the system doesn't tell, or it has ended. */
  readonly started: string
  readonly boot: string
}

export interface DirectoryLock {
  /** Idempotent. */
  release(): Promise<void>
}

const LOCK_NAME = /^lock\.(\d+)$/

/**
 * Makes this process the only one that uses `directory`, which exists.
 *
 * Locks are numbered: `lock.1`, and where its holder is gone, whoever links `lock.2` first takes over. A name is never
 * replaced, so that of two that find the same stale lock just one wins. Processes are told apart within one PID
 * namespace: containers that share a directory don't see each other.
 *
 * @throws SkepError STORAGE_LOCKED, naming the process that holds it
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const self = await describe(process.pid)
  for (;;) {
    const { highest, stale } = await survey(directory)
    const path = join(directory, `lock.${highest + 1}`)
    if (!(await linkLock(path, self))) continue
    try {
      // Somebody who came and went in between may have started over at a lower number: the later of us steps back.
      await survey(directory, path)
    } catch (error) {
      await unlink(path)
      throw error
    }
    await Promise.all(stale.map(name => rm(join(directory, name), { force: true })))
    return { release: () => rm(path, { force: true }) }
  }
}

/** Looks at every lock but `own`. @throws SkepError STORAGE_LOCKED where one is alive */
async function survey(directory: string, own?: string): Promise<{ highest: number; stale: string[] }> {
  const names = (await readdir(directory)).filter(
    name => LOCK_NAME.test(name) && join(directory, name) !== own,
  )
  for (const name of names) {
    const holder = await readHolder(join(directory, name))
    if (!holder || !(await isAlive(holder))) continue
    throw storageError('STORAGE_LOCKED', `${directory} is in use by process ${holder.pid}`)
  }
  const numbers = names.map(name => Number(LOCK_NAME.exec(name)?.[1]))
  return { highest: Math.max(0, ...numbers), stale: names }
}

/** True where nobody else had the name. The file appears with its content or not at all. */
async function linkLock(path: string, holder: Holder): Promise<boolean> {
  const draft = `${path}.${randomUUID()}.draft`
  await writeFile(draft, JSON.stringify(holder), { mode: 0o600 })
  try {
    await link(draft, path)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  } finally {
    await rm(draft, { force: true })
  }
}

/** Undefined for what names no process, such as what a power loss has cut short: it is nobody's lock. */
export function decodeHolder(text: string): Holder | undefined {
  try {
    const { pid, started, boot } = JSON.parse(text)
    const isProcess =
      Number.isInteger(pid) && pid > 0 && typeof started === 'string' && typeof boot === 'string'
    return isProcess ? { pid, started, boot } : undefined
  } catch {
    return undefined
  }
}

async function readHolder(path: string): Promise<Holder | undefined> {
  // Gone by now: nobody's.
  return decodeHolder(await readFile(path, 'utf8').catch(() => ''))
}

async function isAlive(holder: Holder): Promise<boolean> {
  const now = await describe(holder.pid)
  return exists(holder.pid) && now.started === holder.started && now.boot === holder.boot
}

async function describe(pid: number): Promise<Holder> {
  const [stat, boot] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''),
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => ''),
  ])
  // proc_pid_stat(5): `starttime` is field 22; the name in field 2 may hold anything but ends with the last bracket.
  const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // A zombie has ended; that nobody has asked for its exit code yet doesn't make it a holder.
  const started = state === 'Z' || state === 'X' ? '' : (rest[18] ?? '')
  return { pid, started, boot: boot.trim() }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
