import { randomBytes } from 'node:crypto'
import { constants, link, mkdir, open, readFile, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { networkError } from './errors.ts'
import { isWholeKey } from './whole-key.ts'

const FILE_NAME = 'identity.key'
/** Readable by the owner alone. */
const FILE_MODE = 0o600
const OTHERS_READ = 0o077

/**
 * The key that names this node: `<directory>/identity.key`, a libp2p private key in protobuf, Ed25519. Made at first use.
 *
 * @throws SkepError IDENTITY_UNREADABLE where others can read the file, or it holds no such key
 */
export async function loadIdentity(directory: string): Promise<PrivateKey> {
  const path = join(directory, FILE_NAME)
  for (;;) {
    const key = (await readIdentity(path)) ?? (await createIdentity(path))
    if (key) return key
  }
}

async function readIdentity(path: string): Promise<PrivateKey | undefined> {
  let bytes: Uint8Array
  try {
    const { mode } = await stat(path)
    if (mode & OTHERS_READ) {
      const shown = (mode & 0o777).toString(8)
      throw networkError(
        'IDENTITY_UNREADABLE',
        `${path} has mode ${shown}, but nobody else may read it: chmod 600 ${path}`,
      )
    }
    bytes = await readFile(path)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    if ((cause as NodeJS.ErrnoException).syscall === undefined) throw cause
    throw networkError('IDENTITY_UNREADABLE', `cannot read ${path}: ${(cause as Error).message}`, { cause })
  }
  return decodeIdentity(bytes, path)
}

/** @throws SkepError IDENTITY_UNREADABLE, naming `path` */
export function decodeIdentity(bytes: Uint8Array, path: string): PrivateKey {
  let key: PrivateKey
  try {
    key = privateKeyFromProtobuf(bytes)
  } catch (cause) {
    throw networkError('IDENTITY_UNREADABLE', `${path} holds no private key (${bytes.byteLength} bytes)`, {
      cause,
    })
  }
  if (isWholeKey(key)) return key
  const what = key.type === 'Ed25519' ? 'a key that is damaged' : "a key that isn't Ed25519"
  throw networkError('IDENTITY_UNREADABLE', `${path} holds ${what}`)
}

/** Undefined where another process was first. The name appears only with the whole, flushed key behind it. */
async function createIdentity(path: string): Promise<PrivateKey | undefined> {
  const key = await generateKeyPair('Ed25519')
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  await mkdir(dirname(path), { recursive: true })
  const file = await open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, FILE_MODE)
  try {
    await file.writeFile(privateKeyToProtobuf(key))
    await file.sync()
    // Unlike a rename, a link never takes the place of a key that another process has just made.
    await link(temporary, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return undefined
  } finally {
    await file.close()
    await unlink(temporary)
  }
  await syncDirectory(dirname(path))
  return key
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
