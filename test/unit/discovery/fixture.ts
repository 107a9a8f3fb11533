import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'

export async function createPeerId(): Promise<PeerId> {
  return peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
}

export function createPeerIds(count: number): Promise<PeerId[]> {
  return Promise.all(Array.from({ length: count }, createPeerId))
}

export const addressOf = (port: number): Multiaddr => multiaddr(`/ip4/192.168.1.2/tcp/${port}`)
