import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A network namespace. Disposing it ends what still runs in it. */
export interface Namespace extends AsyncDisposable {
  readonly name: string
  /** The `ip` command within; resolves with what it printed. */
  ip(...args: string[]): Promise<string>
}

/** Its loopback carries multicast: nodes in it hear each other by mDNS, and nobody else. */
export async function createNamespace(): Promise<Namespace> {
  const namespace = await createBareNamespace()
  await namespace.ip('link', 'set', 'lo', 'multicast', 'on')
  await namespace.ip('route', 'add', '224.0.0.0/4', 'dev', 'lo')
  return namespace
}

/** It has a loopback, and nothing else. */
export async function createBareNamespace(): Promise<Namespace> {
  const name = `skep-${randomBytes(4).toString('hex')}`
  await run('ip', ['netns', 'add', name])
  const ip = async (...args: string[]): Promise<string> => (await run('ip', ['-n', name, ...args])).stdout
  await ip('link', 'set', 'lo', 'up')
  return { name, ip, [Symbol.asyncDispose]: () => remove(name) }
}

async function remove(name: string): Promise<void> {
  const { stdout } = await run('ip', ['netns', 'pids', name])
  for (const pid of stdout.split('\n').filter(Boolean)) {
    try {
      process.kill(Number(pid), 'SIGKILL')
    } catch {
      // It ended by itself.
    }
  }
  await run('ip', ['netns', 'delete', name])
}

/**
 * Why namespaces can't be made here, for a test to skip with; false where they can. In CI a test that lacks what it needs
 * has to fail, so there it is always false.
 */
export async function namespacesMissing(): Promise<string | false> {
  if (process.env.CI === 'true') return false
  try {
    await using _ = await createNamespace()
    return false
  } catch (error) {
    return `network namespaces need root and iproute2: ${error}`
  }
}
