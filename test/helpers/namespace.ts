import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A network namespace whose loopback carries multicast: nodes in it hear each other by mDNS, and nobody else. */
export interface Namespace extends AsyncDisposable {
  readonly name: string
}

export async function createNamespace(): Promise<Namespace> {
  const name = `skep-${randomBytes(4).toString('hex')}`
  await run('ip', ['netns', 'add', name])
  const inside = (...args: string[]) => run('ip', ['-n', name, ...args])
  await inside('link', 'set', 'lo', 'up', 'multicast', 'on')
  await inside('route', 'add', '224.0.0.0/4', 'dev', 'lo')
  return { name, [Symbol.asyncDispose]: async () => void (await run('ip', ['netns', 'delete', name])) }
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
