import { isScope, type Scope } from '../scopes.ts'

/** A token as it is kept. */
export interface StoredToken {
  readonly id: string
  /** SHA-256 of the whole token. */
  readonly digest: Uint8Array
  readonly name?: string
  readonly scopes: readonly Scope[]
  /** By the wall clock. */
  readonly createdMs: number
  /** By the wall clock; absent where it doesn't end. */
  readonly expiresMs?: number
}

const VERSION = 1
const DIGEST = /^[0-9a-f]{64}$/

/** As JSON; the id is the key it is kept under. */
export function encodeToken({ id: _, digest, ...rest }: StoredToken): Uint8Array {
  return Buffer.from(
    JSON.stringify({ version: VERSION, digest: Buffer.from(digest).toString('hex'), ...rest }),
  )
}

/** A scope that this version doesn't know, say of a later one, is left out. @throws TypeError, SyntaxError where it is none of ours */
export function decodeToken(id: string, bytes: Uint8Array): StoredToken {
  const value: unknown = JSON.parse(Buffer.from(bytes).toString())
  const { version, digest, name, scopes, createdMs, expiresMs } = (value ?? {}) as Record<string, unknown>
  if (version !== VERSION) throw new TypeError(`version ${version} is not known`)
  if (typeof digest !== 'string' || !DIGEST.test(digest)) throw new TypeError('there is no digest')
  if (!Array.isArray(scopes)) throw new TypeError('there are no scopes')
  if (!Number.isSafeInteger(createdMs)) throw new TypeError('there is no time of its making')
  if (expiresMs !== undefined && !Number.isSafeInteger(expiresMs)) throw new TypeError('its end is no time')
  if (name !== undefined && typeof name !== 'string') throw new TypeError('its name is no text')
  return {
    id,
    digest: Buffer.from(digest, 'hex'),
    scopes: scopes.filter(scope => typeof scope === 'string' && isScope(scope)),
    createdMs: createdMs as number,
    ...(name !== undefined && { name }),
    ...(expiresMs !== undefined && { expiresMs: expiresMs as number }),
  }
}
