import { createBareNamespace, type Namespace } from './namespace.ts'

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
  await using made = new AsyncDisposableStack()
  const create = async (): Promise<Namespace> => made.use(await createBareNamespace())
  const hub = await create()
  await hub.ip('link', 'add', 'bridge', 'type', 'bridge')
  await hub.ip('link', 'set', 'bridge', 'up')
  const hosts: BridgedHost[] = []
  for (let at = 0; at < count; at++) hosts.push(await createHost(hub, at, await create()))
  const owned = made.move()
  return { hosts, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

async function createHost(hub: Namespace, at: number, host: Namespace): Promise<BridgedHost> {
  const port = `port${at}`
  let address = `10.77.0.${at + 1}`
  await hub.ip('link', 'add', port, 'type', 'veth', 'peer', 'name', LINK, 'netns', host.name)
  await hub.ip('link', 'set', port, 'master', 'bridge', 'up')
  await host.ip('address', 'add', `${address}/24`, 'dev', LINK)
  await host.ip('link', 'set', LINK, 'up')
  return {
    namespace: host.name,
    get address() {
      return address
    },
    async move(next) {
      // The other way round the new one would go with the old one, as a second address of the same network.
      await host.ip('address', 'delete', `${address}/24`, 'dev', LINK)
      await host.ip('address', 'add', `${next}/24`, 'dev', LINK)
      address = next
    },
    async setLink(state) {
      // The far end, as with a cable: the host keeps its address and loses the carrier.
      await hub.ip('link', 'set', port, state)
    },
    async bytes() {
      const [{ stats64 }] = JSON.parse(await host.ip('-s', '-j', 'link', 'show', 'dev', LINK))
      return stats64.rx.bytes + stats64.tx.bytes
    },
  }
}
