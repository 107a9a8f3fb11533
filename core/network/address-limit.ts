import type { Address, Peer, PeerData, PeerId, PeerStore } from '@libp2p/interface'

/** Addresses kept of one peer. A dial tries sixteen of them; who listens everywhere, in every way, has some fifty. */
export const MAX_ADDRESSES = 64
/** Of one: a relay's, over WebTransport with its hashes, has less than half as many. */
const MAX_ADDRESS_BYTES = 512

/**
 * Has `peerStore` keep no more addresses of a peer than are of use. libp2p's has no bound of its own, and adds whatever anybody
 * tells, for an hour: a peer of the DHT may so fill the disk, and each look at it takes longer. Of too many those stay that the peer
 * has signed, then those told last.
 */
export function boundAddresses(peerStore: PeerStore, self: PeerId): void {
  const merge = peerStore.merge.bind(peerStore)
  const patch = peerStore.patch.bind(peerStore)
  const save = peerStore.save.bind(peerStore)
  peerStore.save = (peer, data, options) => save(peer, peer.equals(self) ? data : bounded(data), options)
  peerStore.patch = (peer, data, options) => patch(peer, peer.equals(self) ? data : bounded(data), options)
  peerStore.merge = async (peer, data, options) => {
    if (peer.equals(self)) return merge(peer, data, options)
    const told = bounded(data)
    const merged = await merge(peer, told, options)
    if (merged.addresses.length <= MAX_ADDRESSES) return merged
    return patch(peer, { addresses: best(merged, told) }, options)
  }
}

function bounded({ multiaddrs, addresses, ...data }: PeerData): PeerData {
  return {
    ...data,
    ...(multiaddrs && { multiaddrs: multiaddrs.filter(isShort).slice(0, MAX_ADDRESSES) }),
    ...(addresses && {
      addresses: addresses.filter(({ multiaddr }) => isShort(multiaddr)).slice(0, MAX_ADDRESSES),
    }),
  }
}

function isShort({ bytes }: Address['multiaddr']): boolean {
  return bytes.byteLength <= MAX_ADDRESS_BYTES
}

function best({ addresses }: Peer, { multiaddrs = [], addresses: told = [] }: PeerData): Address[] {
  const last = new Set([...multiaddrs, ...told.map(({ multiaddr }) => multiaddr)].map(String))
  const rank = ({ isCertified, multiaddr }: Address): number =>
    isCertified ? 0 : last.has(multiaddr.toString()) ? 1 : 2
  return addresses.toSorted((one, other) => rank(one) - rank(other)).slice(0, MAX_ADDRESSES)
}
