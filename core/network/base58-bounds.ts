import { CODE_P2P, registry } from '@multiformats/multiaddr'
import { base58btc } from 'multiformats/bases/base58'

/** Hashes that are written in it have 34 bytes, peer ids with their key in it 42; a block that is its own hash 128, and a few. */
const MAX_BYTES = 256
/** The same as text, in any base. */
const MAX_CHARACTERS = 512

/** What writes and reads base58; its types say less. */
interface Codec {
  baseEncode(bytes: Uint8Array): string
  baseDecode(text: string): Uint8Array
}

let isDone = false

/**
 * Has base58, and multiaddrs, whose package has one of its own, refuse what is too long. It takes the square of a length: one peer id
 * of 60 KiB, in an address or by itself, keeps the event loop for half a minute, and anybody can send it, in identify, to kad-dht,
 * in a record. Of the whole process, as these tables are. Idempotent.
 */
export function boundBase58(): void {
  if (isDone) return
  isDone = true
  const { encoder, decoder } = base58btc
  for (const codec of [base58btc, encoder, decoder] as unknown as Partial<Codec>[]) boundCodec(codec)
  boundPeerIds()
}

function boundCodec(codec: Partial<Codec>): void {
  const { baseEncode, baseDecode } = codec
  if (baseEncode) codec.baseEncode = bytes => baseEncode(checked(bytes, MAX_BYTES))
  if (baseDecode) codec.baseDecode = text => baseDecode(checked(text, MAX_CHARACTERS))
}

/** Within multiaddrs: `/p2p/…`. */
function boundPeerIds(): void {
  const { bytesToValue, valueToBytes, validate, ...codec } = registry.getProtocol(CODE_P2P)
  registry.addProtocol({
    ...codec,
    bytesToValue: bytes => bytesToValue?.(checked(bytes, MAX_BYTES)) ?? '',
    valueToBytes: value => valueToBytes?.(checked(value, MAX_CHARACTERS)) ?? new Uint8Array(),
    validate(value) {
      checked(value, MAX_CHARACTERS)
      validate?.(value)
    },
  })
}

function checked<T extends { readonly length: number }>(value: T, most: number): T {
  if (value.length > most) throw new RangeError(`${value.length} bytes or characters of base58, not ${most}`)
  return value
}
