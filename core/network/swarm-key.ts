import { open } from 'node:fs/promises'
import { messageOf } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { networkError } from './errors.ts'

/** What every member of a private network has, and nobody else: 32 bytes. */
export type SwarmKey = Uint8Array

/** https://github.com/libp2p/specs/blob/master/pnet/Private-Networks-PSK-V1.md */
const HEADER = '/key/swarm/psk/1.0.0/'
const KEY_BYTES = 32
/** A file of Kubo has 95 bytes; another size is another file. */
const MAX_FILE_BYTES = 1024
const EVERYBODY_READS = 0o004

const ENCODINGS: Readonly<Record<string, { readonly name: BufferEncoding; readonly text: RegExp }>> = {
  '/base16/': { name: 'hex', text: /^(?:[\da-f]{2})*$/i },
  '/base64/': { name: 'base64', text: /^[\da-z+/]*={0,2}$/i },
}

/**
 * Reads a swarm key file as Kubo and others have it. Who else can read it is in the network, so that is said in the log.
 *
 * @throws SkepError SWARM_KEY_INVALID; no message has a part of the key
 */
export async function loadSwarmKey(path: string, { log }: { readonly log: Logger }): Promise<SwarmKey> {
  let text: string
  try {
    await using file = await open(path, 'r')
    const { mode, size } = await file.stat()
    if (size > MAX_FILE_BYTES)
      throw networkError('SWARM_KEY_INVALID', `${path} has ${size} bytes: this is no swarm key`)
    if (mode & EVERYBODY_READS)
      log.warn({ path, mode: (mode & 0o777).toString(8) }, 'everybody on this machine can read the swarm key')
    text = await file.readFile('latin1')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).syscall === undefined) throw cause
    throw networkError('SWARM_KEY_INVALID', `cannot read ${path}: ${messageOf(cause)}`, { cause })
  }
  return parseSwarmKey(text, path)
}

/** @throws SkepError SWARM_KEY_INVALID, naming `path` */
export function parseSwarmKey(text: string, path: string): SwarmKey {
  const [header, encoding = '', key = '', ...rest] = text.trimEnd().split(/\r\n|\r|\n/)
  const invalid = (why: string): Error => networkError('SWARM_KEY_INVALID', `${path}: ${why}`)
  if (header !== HEADER) throw invalid(`the first line is not ${HEADER}`)
  const known = Object.hasOwn(ENCODINGS, encoding) ? ENCODINGS[encoding] : undefined
  if (!known) throw invalid(`the second line is neither ${Object.keys(ENCODINGS).join(' nor ')}`)
  if (rest.length > 0) throw invalid('there are more than three lines')
  if (!known.text.test(key)) throw invalid(`the third line is not ${encoding.replaceAll('/', '')}`)
  const bytes = Buffer.from(key, known.name)
  if (bytes.byteLength !== KEY_BYTES)
    throw invalid(`the key has ${bytes.byteLength} bytes, expected ${KEY_BYTES}`)
  return bytes
}

/** As a file, in base16. */
export function formatSwarmKey(key: SwarmKey): string {
  return `${HEADER}\n/base16/\n${Buffer.from(key).toString('hex')}\n`
}
