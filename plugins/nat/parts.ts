import type { AutoNATv2Components } from '@libp2p/autonat-v2'
import type { CircuitRelayServerComponents, CircuitRelayTransportComponents } from '@libp2p/circuit-relay-v2'
import type { DCUtRServiceComponents } from '@libp2p/dcutr'
import type { NetworkPort } from '../../core/api.ts'

/** The live libp2p parts that the services of this plugin are made of. Each gets them, or what stands before one of them. */
export type Parts = AutoNATv2Components &
  CircuitRelayTransportComponents &
  CircuitRelayServerComponents &
  DCUtRServiceComponents

export type AddressManager = Parts['addressManager']
export type NodeAddress = ReturnType<AddressManager['getAddressesWithMetadata']>[number]
export type Registrar = Parts['registrar']
export type RandomWalk = Parts['randomWalk']

/** Services look for strangers by walking the DHT whenever they lack something. Peers are found elsewhere, within caps. */
const NO_WALK: RandomWalk = { async *walk() {} }

const NAME = 'nat-parts'

export async function liveParts(network: NetworkPort): Promise<Parts> {
  // Named one by one: what libp2p hands out shows a part to whoever names it, and lists none.
  const parts = await network.attach(NAME, (live: Parts) => ({
    addressManager: live.addressManager,
    connectionGater: live.connectionGater,
    connectionManager: live.connectionManager,
    events: live.events,
    logger: live.logger,
    peerId: live.peerId,
    peerStore: live.peerStore,
    privateKey: live.privateKey,
    randomWalk: NO_WALK,
    registrar: live.registrar,
    transportManager: live.transportManager,
    upgrader: live.upgrader,
  }))
  await network.detach(NAME)
  return parts
}

/** `part` but for what `own` does in its place. */
export function standIn<T extends object>(part: T, own: Partial<T>): T {
  return new Proxy(part, {
    get(target, name) {
      const value = Reflect.get(name in own ? own : target, name)
      return typeof value === 'function' && !(name in own) ? value.bind(target) : value
    },
  })
}
