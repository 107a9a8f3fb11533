import type { AbortOptions, ConnectionProtector, MessageStream } from '@libp2p/interface'
import { preSharedKey } from '@libp2p/pnet'
import { networkError } from './errors.ts'
import { formatSwarmKey, type SwarmKey } from './swarm-key.ts'

/** How many bytes the cipher gets at a time: see {@link BoundedCipher}. */
const MAX_CIPHER_BYTES = 64 * 1024
/** Connections at a time: two ciphers each, of 64 bytes, fill most of what memory the ciphers of the process share. */
export const MAX_PROTECTED = 4096

/** What @libp2p/pnet has of xsalsa20. */
interface Cipher {
  update(bytes: Uint8Array, output: Uint8Array): Uint8Array
  finalize(): void
}

/**
 * A cipher of xsalsa20 in 640 KiB of memory that all of them share. Of larger pieces, and of more ciphers, that would grow;
 * then each of the others, whose view of it is stale, has it grow again, up to an error within a few megabytes. So pieces are
 * cut, ciphers counted, and given back in the end: https://github.com/libp2p/js-libp2p/pull/3585
 */
class BoundedCipher {
  #cipher: Cipher | undefined

  constructor(cipher: Cipher) {
    this.#cipher = cipher
  }

  update(bytes: Uint8Array): Uint8Array {
    const cipher = this.#cipher
    // What comes after the end goes nowhere.
    if (!cipher) return new Uint8Array()
    const output = Buffer.allocUnsafe(bytes.byteLength)
    for (let at = 0; at < bytes.byteLength; at += MAX_CIPHER_BYTES) {
      const to = at + MAX_CIPHER_BYTES
      cipher.update(bytes.subarray(at, to), output.subarray(at, to))
    }
    return output
  }

  finish(): void {
    this.#cipher?.finalize()
    this.#cipher = undefined
  }
}

/** Keeps out of every connection who doesn't have the key, before anything else is said: @libp2p/pnet, within bounds. */
export class SwarmProtector implements ConnectionProtector {
  /** Of the process, as the memory is. */
  static #open = 0
  readonly #inner: ConnectionProtector

  constructor(key: SwarmKey) {
    this.#inner = preSharedKey({ psk: Buffer.from(formatSwarmKey(key)) })()
  }

  async protect(connection: MessageStream, options?: AbortOptions): Promise<MessageStream> {
    if (SwarmProtector.#open >= MAX_PROTECTED)
      throw networkError('SWARM_FULL', `${MAX_PROTECTED} connections of the private network are open`)
    SwarmProtector.#open++
    try {
      const box = await this.#inner.protect(connection, options)
      const finish = boundCiphers(box)
      let isOver = false
      const end = (): void => {
        if (isOver) return
        isOver = true
        finish()
        SwarmProtector.#open--
      }
      connection.addEventListener('close', end)
      box.addEventListener('close', end)
      // It may have gone meanwhile, and will not say so again.
      if (connection.status !== 'open') end()
      return box
    } catch (error) {
      SwarmProtector.#open--
      throw error
    }
  }
}

/** Returns what gives their memory back. */
function boundCiphers(box: MessageStream): () => void {
  const ciphers = box as unknown as { inboundXor: Cipher; outboundXor: Cipher }
  const inbound = new BoundedCipher(ciphers.inboundXor)
  const outbound = new BoundedCipher(ciphers.outboundXor)
  Object.assign(box, { inboundXor: inbound, outboundXor: outbound })
  return () => {
    inbound.finish()
    outbound.finish()
  }
}
