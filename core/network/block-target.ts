import { base32 } from 'multiformats/bases/base32'
import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { decode } from 'multiformats/hashes/digest'
import { type IpNetwork, networkText, parseIpNetwork } from './ip-network.ts'

export type BlockKind = 'address' | 'network' | 'peer'

/** What can be blocked. */
export interface BlockTarget {
  /** Its usual form: a network without host bits, IPv6 in lower case and short, a peer id in base58. */
  readonly text: string
  readonly kind: BlockKind
  /** Of an address or a network. */
  readonly network?: IpNetwork
}

/** Content type of a peer id that is written as a CID. https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md */
const LIBP2P_KEY = 0x72

/** The longest peer id, as a CID of an RSA key, has under half as many. Base58 takes the square of its length. */
const MAX_CHARACTERS = 256

/** Reads an IP address, a network or a peer id; undefined where `text` is none of them. */
export function readTarget(text: string): BlockTarget | undefined {
  if (text.length > MAX_CHARACTERS) return undefined
  const network = parseIpNetwork(text)
  if (network) {
    const isAddress = network.prefix === network.bytes.length * 8
    return { text: networkText(network), kind: isAddress ? 'address' : 'network', network }
  }
  const peer = readPeer(text)
  return peer === undefined ? undefined : { text: peer, kind: 'peer' }
}

/** Without `@libp2p/peer-id`: configuration is read by every command, and that would load all of libp2p's cryptography. */
function readPeer(text: string): string | undefined {
  try {
    if (/^(Qm|1)/.test(text)) {
      decode(base58btc.baseDecode(text))
      return text
    }
    const { code, multihash } = CID.parse(text, base32.decoder.or(base36.decoder).or(base58btc.decoder))
    return code === LIBP2P_KEY ? base58btc.baseEncode(multihash.bytes) : undefined
  } catch {
    return undefined
  }
}
