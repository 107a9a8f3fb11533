import { CODE_P2P, registry } from '@multiformats/multiaddr'

/** Those of hashed keys have 34, those that hold a key 42: https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md */
const MAX_BYTES = 128
/** The same in any base. */
const MAX_CHARACTERS = 256

let isDone = false

/**
 * Has multiaddrs refuse peer ids that are none for their length, wherever anybody reads an address: identify, kad-dht, records. They
 * are written in base58, which takes the square of their length: one address of 60 KiB keeps the event loop for half a minute, and
 * anybody can send it. Of the whole process, as the package's table of protocols is. Idempotent.
 */
export function boundPeerIds(): void {
  if (isDone) return
  isDone = true
  const { bytesToValue, valueToBytes, validate, ...codec } = registry.getProtocol(CODE_P2P)
  const check = (length: number, most: number): void => {
    if (length > most) throw new RangeError(`a peer id of ${length} bytes or characters`)
  }
  registry.addProtocol({
    ...codec,
    bytesToValue(bytes) {
      check(bytes.byteLength, MAX_BYTES)
      return bytesToValue?.(bytes) ?? ''
    },
    valueToBytes(value) {
      check(value.length, MAX_CHARACTERS)
      return valueToBytes?.(value) ?? new Uint8Array()
    },
    validate(value) {
      check(value.length, MAX_CHARACTERS)
      validate?.(value)
    },
  })
}
