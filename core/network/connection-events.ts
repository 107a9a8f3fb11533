import type { Connection, Libp2p, Libp2pEvents } from '@libp2p/interface'
import type { ConnectionFacts, PeerTable } from '../state/peer-state.ts'
import type { ConnectionKeeper } from './connection-keeper.ts'
import type { Lanes } from './lanes.ts'
import type { NetworkMetrics } from './metrics.ts'
import type { OwnAddresses } from './own-addresses.ts'
import type { PeerProbes } from './peer-probes.ts'
import type { PeerStoreLimit } from './peer-store-limit.ts'
import type { StreamGuard } from './stream-guard.ts'

export interface ConnectionEventsDependencies {
  readonly libp2p: Pick<Libp2p, 'addEventListener' | 'getConnections'>
  readonly guard: Pick<StreamGuard, 'opened'>
  readonly keeper: Pick<ConnectionKeeper, 'opened' | 'to'>
  readonly probes: Pick<PeerProbes, 'opened'>
  readonly lanes: Pick<Lanes, 'review'>
  readonly peers: PeerTable
  readonly peerStoreLimit: Pick<PeerStoreLimit, 'added'>
  readonly ownAddresses: Pick<OwnAddresses, 'review'>
  readonly metrics: Pick<NetworkMetrics, 'connections'>
}

/** Tells the parts of the network what libp2p says of connections and peers. To be called before it starts. */
export function followConnections(deps: ConnectionEventsDependencies): void {
  const { libp2p, guard, keeper, probes, lanes, peers, peerStoreLimit, ownAddresses, metrics } = deps
  const on = <K extends keyof Libp2pEvents>(
    name: K,
    listener: (detail: Libp2pEvents[K]['detail']) => void,
  ): void => libp2p.addEventListener(name, event => listener(event.detail))
  const showConnections = (): void => {
    const { inbound, outbound } = countConnections(libp2p)
    metrics.connections.set({ direction: 'inbound' }, inbound)
    metrics.connections.set({ direction: 'outbound' }, outbound)
  }
  on('connection:open', connection => {
    showConnections()
    if (connection.status !== 'open') return
    guard.opened(connection)
    keeper.opened(connection)
    const [first = connection] = keeper.to(connection.remotePeer)
    peers.connected(connection.remotePeer, factsOf(first))
    probes.opened(connection)
  })
  on('connection:close', ({ remotePeer }) => {
    showConnections()
    const [first] = keeper.to(remotePeer)
    if (first) peers.rerouted(remotePeer, factsOf(first))
    lanes.review(remotePeer)
  })
  on('peer:disconnect', peer => peers.disconnected(peer))
  on('peer:identify', ({ peerId, agentVersion, protocols, listenAddrs }) =>
    peers.identified(peerId, { agent: agentVersion, protocols, addresses: listenAddrs.map(String) }),
  )
  on('peer:update', ({ previous }) => {
    if (!previous) peerStoreLimit.added()
  })
  on('self:peer:update', () => ownAddresses.review())
}

export function countConnections(libp2p: Pick<Libp2p, 'getConnections'>): {
  readonly inbound: number
  readonly outbound: number
} {
  const all = libp2p.getConnections()
  const inbound = all.filter(({ direction }) => direction === 'inbound').length
  return { inbound, outbound: all.length - inbound }
}

function factsOf({ remoteAddr, direction, encryption, direct }: Connection): ConnectionFacts {
  return { direction, encryption, address: remoteAddr.toString(), isRelayed: !direct }
}
