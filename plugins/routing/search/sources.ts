import type { PeerId } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import type { DelegatedRouters } from '../delegated/delegated-routers.ts'
import type { Kademlia } from '../dht/kademlia.ts'
import type { FoundPeer, Source } from './source.ts'

/** What members said they hold: known here, hence asked first and at no cost. */
export function membersSource(members: { providersOf(cid: CID): readonly PeerId[] }): Source {
  return {
    name: 'members',
    delayMs: 0,
    isReady: true,
    async *findProviders(cid) {
      for (const peer of members.providersOf(cid)) yield { peer, addresses: [] }
    },
  }
}

export function dhtSource(dht: Kademlia, { delayMs }: { readonly delayMs: number }): Source {
  return {
    name: 'dht',
    delayMs,
    get isReady() {
      return dht.peers > 0
    },
    findProviders: (cid, signal): AsyncIterable<FoundPeer> => dht.findProviders(cid, signal),
    findPeer: (peer, signal) => dht.findPeer(peer, signal),
  }
}

export function delegatedSource(
  routers: DelegatedRouters,
  { delayMs }: { readonly delayMs: number },
): Source {
  return {
    name: 'delegated',
    delayMs,
    isReady: true,
    findProviders: (cid, signal): AsyncIterable<FoundPeer> => routers.findProviders(cid, signal),
    findPeer: (peer, signal) => routers.findPeer(peer, signal),
  }
}
