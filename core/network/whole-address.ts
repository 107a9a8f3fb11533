import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'

/** The multiaddr that all of `text` is: `multiaddr` reads no further than it must, until its bytes are asked for. @throws Error */
export function wholeMultiaddr(text: string): Multiaddr {
  const address = multiaddr(text)
  if (address.bytes.byteLength === 0) throw new Error('it is empty')
  return address
}
