import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'

const run = promisify(execFile)

const LINK = 'uplink'

export interface Bridge extends AsyncDisposable {
  readonly hosts: readonly BridgedHost[]
}

/** A host of its own on the bridge: a network namespace with one network interface beside loopback. */
export interface BridgedHost {
  /** Of its network namespace. */
  readonly namespace: string
  /** IPv4, without the prefix length. */
  readonly address: string
  /** Another address instead of the one it has, in the same network. */
  move(address: string): Promise<void>
  /** As if its cable were pulled, or plugged in. */
  setLink(state: 'up' | 'down'): Promise<void>
  /** What went over its cable so far, both ways, headers and all. */
  bytes(): Promise<number>
}

/**
 * Hosts on one bridge, which has a namespace of its own: real multicast, and nothing of the machine's network is touched. Needs
 * root and iproute2. Disposing it ends what still runs on the hosts.
 */
export async function createBridge(count: number): Promise<Bridge> {
  const namespaces: string[] = []
  const createNamespace = async (): Promise<string> => {
    const name = `skep-${randomBytes(4).toString('hex')}`
    await run('ip', ['netns', 'add', name])
    namespaces.push(name)
    await inside(name, 'link', 'set', 'lo', 'up')
    return name
  }
  const dispose = async (): Promise<void> => {
    for (const name of namespaces.splice(0)) await remove(name)
  }
  try {
    const hub = await createNamespace()
    await inside(hub, 'link', 'add', 'bridge', 'type', 'bridge')
    await inside(hub, 'link', 'set', 'bridge', 'up')
    const hosts: BridgedHost[] = []
    for (let at = 0; at < count; at++) hosts.push(await createHost(hub, at, await createNamespace()))
    return { hosts, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}

async function createHost(hub: string, at: number, namespace: string): Promise<BridgedHost> {
  const port = `port${at}`
  let address = `10.77.0.${at + 1}`
  await inside(hub, 'link', 'add', port, 'type', 'veth', 'peer', 'name', LINK, 'netns', namespace)
  await inside(hub, 'link', 'set', port, 'master', 'bridge', 'up')
  await inside(namespace, 'address', 'add', `${address}/24`, 'dev', LINK)
  await inside(namespace, 'link', 'set', LINK, 'up')
  return {
    namespace,
    get address() {
      return address
    },
    async move(next) {
      // The other way round the new one would go with the old one, as a second address of the same network.
      await inside(namespace, 'address', 'delete', `${address}/24`, 'dev', LINK)
      await inside(namespace, 'address', 'add', `${next}/24`, 'dev', LINK)
      address = next
    },
    async setLink(state) {
      // The far end, as with a cable: the host keeps its address and loses the carrier.
      await inside(hub, 'link', 'set', port, state)
    },
    async bytes() {
      const { stdout } = await run('ip', ['-n', namespace, '-s', '-j', 'link', 'show', 'dev', LINK])
      const [{ stats64 }] = JSON.parse(stdout)
      return stats64.rx.bytes + stats64.tx.bytes
    },
  }
}

function inside(namespace: string, ...args: string[]): Promise<unknown> {
  return run('ip', ['-n', namespace, ...args])
}

async function remove(namespace: string): Promise<void> {
  const { stdout } = await run('ip', ['netns', 'pids', namespace])
  for (const pid of stdout.split('\n').filter(Boolean)) {
    try {
      process.kill(Number(pid), 'SIGKILL')
    } catch {
      // It ended by itself.
    }
  }
  await run('ip', ['netns', 'delete', namespace])
}
