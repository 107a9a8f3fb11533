import { constants, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { base58btc } from 'multiformats/bases/base58'
import { messageOf } from '../errors.ts'
import { isWholeKey } from '../network/whole-key.ts'
import { fleetError } from './errors.ts'

const FILE_NAME = 'fleet-owner.key'
/** Readable by the owner alone. */
const FILE_MODE = 0o600
const OTHERS_READ = 0o077
const PREFIX = 'skep-owner-key-'

/**
 * The key that owns a fleet, in `<directory>/fleet-owner.key`: a libp2p private key in protobuf, Ed25519. Nothing but
 * {@link exportOwnerKey} gives it away.
 */
export class OwnerKeyFile {
  readonly #path: string

  constructor(directory: string) {
    this.#path = join(directory, FILE_NAME)
  }

  /**
   * Undefined where there is none.
   * @throws SkepError OWNER_KEY_UNREADABLE where others can read the file, or it holds no such key
   */
  async read(): Promise<PrivateKey | undefined> {
    try {
      const { mode } = await stat(this.#path)
      if (mode & OTHERS_READ) throw new Error(`nobody else may read it: chmod 600 ${this.#path}`)
      return ed25519(privateKeyFromProtobuf(await readFile(this.#path)))
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw fleetError('OWNER_KEY_UNREADABLE', `cannot use ${this.#path}: ${messageOf(cause)}`, { cause })
    }
  }

  /** Whole and flushed, or not there. Takes the place of one that is there. */
  async write(key: PrivateKey): Promise<void> {
    const temporary = `${this.#path}.new`
    await rm(temporary, { force: true })
    const file = await open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, FILE_MODE)
    try {
      await file.writeFile(privateKeyToProtobuf(key))
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, this.#path)
    await this.#syncDirectory()
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true })
    await this.#syncDirectory()
  }

  async #syncDirectory(): Promise<void> {
    const directory = await open(join(this.#path, '..'), constants.O_RDONLY)
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  }
}

export function newOwnerKey(): Promise<PrivateKey> {
  return generateKeyPair('Ed25519')
}

/** The key as text, for a backup on paper or in a safe. */
export function exportOwnerKey(key: PrivateKey): string {
  return PREFIX + base58btc.baseEncode(privateKeyToProtobuf(key))
}

/** @throws SkepError OWNER_KEY_INVALID, which never quotes it */
export function importOwnerKey(text: string): PrivateKey {
  const trimmed = text.trim()
  try {
    if (!trimmed.startsWith(PREFIX)) throw new Error('another beginning')
    return ed25519(privateKeyFromProtobuf(base58btc.baseDecode(trimmed.slice(PREFIX.length))))
  } catch {
    // The cause might quote what must stay secret, so it goes no further than this.
    throw fleetError('OWNER_KEY_INVALID', `this is no owner key: expected a text that begins with ${PREFIX}`)
  }
}

function ed25519(key: PrivateKey): PrivateKey {
  if (isWholeKey(key)) return key
  throw new Error(key.type === 'Ed25519' ? 'it holds a damaged key' : `it holds a key of type ${key.type}`)
}
