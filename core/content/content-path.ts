import { base16 } from 'multiformats/bases/base16'
import { base32, base32upper } from 'multiformats/bases/base32'
import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { base64url } from 'multiformats/bases/base64'
import { CID } from 'multiformats/cid'
import { contentError } from './errors.ts'
import { isHashAllowed } from './hashes.ts'

export interface ContentPath {
  readonly root: CID
  /** Names beneath the root, outermost first. */
  readonly names: readonly string[]
}

const decoder = base32.decoder
  .or(base58btc.decoder)
  .or(base36.decoder)
  .or(base16.decoder)
  .or(base64url.decoder)
  .or(base32upper.decoder)

/**
 * Reads `CID/a/b`, `/ipfs/CID/a/b` and `ipfs://CID/a/b`; in the last, names are percent-encoded.
 *
 * @throws SkepError CID_INVALID
 */
export function parseContentPath(text: string): ContentPath {
  const isUri = text.startsWith('ipfs://')
  const [root = '', ...names] = text
    .slice(isUri ? 'ipfs://'.length : 0)
    .replace(/^\/?ipfs\//, '')
    .split('/')
    .filter(part => part !== '')
  return { root: parseCid(root, text), names: isUri ? names.map(name => decodeName(name, text)) : names }
}

function parseCid(root: string, text: string): CID {
  let cid: CID
  try {
    cid = CID.parse(root, decoder)
  } catch (cause) {
    const where = root === text ? `'${root}'` : `'${root}' in '${text}'`
    throw contentError('CID_INVALID', `${where} is not a CID; expected one like bafybei… or Qm…`, { cause })
  }
  if (isHashAllowed(cid)) return cid
  const { code, size } = cid.multihash
  const hash = `0x${code.toString(16)} with ${size} bytes`
  throw contentError('CID_INVALID', `${cid} uses hash function ${hash}, which isn't accepted`)
}

function decodeName(name: string, text: string): string {
  try {
    return decodeURIComponent(name)
  } catch (cause) {
    throw contentError('PATH_NOT_FOUND', `'${name}' in '${text}' is not percent-encoded text`, { cause })
  }
}
