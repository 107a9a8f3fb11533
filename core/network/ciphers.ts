import { readFileSync } from 'node:fs'

/** Which TLS cipher goes first. Without AES instructions (Raspberry Pi 4 and older) ChaCha20 is six times as fast. */
export type FirstCipher = 'aes' | 'chacha20'

const CIPHERS: Readonly<Record<FirstCipher, string>> = {
  aes: 'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384',
  chacha20: 'TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384',
}

export function cipherOrder(first: FirstCipher): { ciphers: string; honorCipherOrder: boolean } {
  // A server with AES instructions follows the client, which may have none.
  return { ciphers: CIPHERS[first], honorCipherOrder: first === 'chacha20' }
}

/** From the text of `/proc/cpuinfo`: `flags` on x86, `Features` on ARM, of any core. */
export function firstCipher(cpuinfo: string): FirstCipher {
  return /^(flags|Features)\s*:.*\baes\b/m.test(cpuinfo) ? 'aes' : 'chacha20'
}

/** AES where the system doesn't say. */
export function detectFirstCipher(): FirstCipher {
  try {
    return firstCipher(readFileSync('/proc/cpuinfo', 'utf8'))
  } catch {
    return 'aes'
  }
}
