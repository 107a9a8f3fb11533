import { CODE_P2P, type Multiaddr, multiaddr } from '@multiformats/multiaddr'

/** Addresses taken of one peer: what others tell is no reason to keep more. */
const MAX_ADDRESSES = 16
/** Of one: a relay's, over WebTransport with its hashes, has less than half as many. */
const MAX_ADDRESS_BYTES = 512
/** As text, before anybody looks into it: base58 takes the square of its length. */
const MAX_ADDRESS_CHARACTERS = 2 * MAX_ADDRESS_BYTES

/** Without `/p2p` at the end, each once, and no more than are worth a try. One that reads as another as text is none. */
export function dialable(addresses: readonly Multiaddr[]): Multiaddr[] {
  const byText = new Map<string, Multiaddr>()
  for (const address of addresses) {
    if (byText.size === MAX_ADDRESSES) break
    if (address.bytes.byteLength > MAX_ADDRESS_BYTES) continue
    const bare = withoutPeer(address)
    const text = bare.toString()
    if (parseAddress(text)?.equals(bare)) byText.set(text, bare)
  }
  return [...byText.values()]
}

/** A relay's address ends in `/p2p-circuit`: what is before that names the relay and stays. */
function withoutPeer(address: Multiaddr): Multiaddr {
  const last = address.getComponents().at(-1)
  return last?.code === CODE_P2P ? address.decapsulateCode(CODE_P2P) : address
}

/** Undefined for what is no address: peers choose what they tell. */
export function parseAddress(text: string): Multiaddr | undefined {
  if (text.length > MAX_ADDRESS_CHARACTERS) return undefined
  try {
    const address = multiaddr(text)
    // It is read no further than it must be: its bytes now, or where nobody expects them to fail.
    const { byteLength } = address.bytes
    return byteLength === 0 || byteLength > MAX_ADDRESS_BYTES ? undefined : address
  } catch {
    return undefined
  }
}
