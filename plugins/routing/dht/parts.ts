import { KEEP_ALIVE, type PeerData, type PeerStore } from '@libp2p/interface'
import type { KadDHTComponents } from '@libp2p/kad-dht'
import type { Datastore } from 'interface-datastore'

/**
 * The parts of libp2p that kad-dht is built of, with two of our own: its records have a bound, and no peer is tagged to be
 * kept alive. libp2p would dial those again whenever they are gone, past every limit that discovery keeps.
 */
export function partsFor(parts: KadDHTComponents, datastore: Datastore): KadDHTComponents {
  const { peerId, privateKey, registrar, addressManager, peerStore, connectionManager } = parts
  const { events, logger, ping } = parts
  return {
    peerId,
    privateKey,
    registrar,
    addressManager,
    connectionManager,
    events,
    logger,
    ping,
    datastore,
    peerStore: withoutKeepAlive(peerStore),
  }
}

function withoutKeepAlive(peerStore: PeerStore): PeerStore {
  return new Proxy(peerStore, {
    get(target, name) {
      if (name === 'merge') {
        const merge: PeerStore['merge'] = (peer, data, options) => target.merge(peer, untagged(data), options)
        return merge
      }
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

function untagged(data: PeerData): PeerData {
  if (!data.tags) return data
  const tags = data.tags instanceof Map ? [...data.tags] : Object.entries(data.tags)
  return { ...data, tags: Object.fromEntries(tags.filter(([name]) => !name.startsWith(KEEP_ALIVE))) }
}
