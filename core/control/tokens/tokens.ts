import { randomBytes, timingSafeEqual } from 'node:crypto'
import { isName } from '../../fleet/names.ts'
import type { Logger } from '../../logger.ts'
import type { Bucket, KeyValueStore } from '../../storage/storage.ts'
import { controlError } from '../errors.ts'
import type { Scope } from '../scopes.ts'
import { decodeToken, encodeToken, type StoredToken } from './stored-token.ts'
import { MAX_TOKENS } from './token-limits.ts'
import { digestOf, newToken, tokenId } from './token-text.ts'

const BUCKET = 'tokens'
const DIGEST_BYTES = 32

/** Plain JSON; nothing in it is secret. */
export interface TokenInfo {
  readonly id: string
  readonly name?: string
  readonly scopes: readonly Scope[]
  /** Wall clock. */
  readonly createdMs: number
  /** Wall clock; absent where it doesn't end. */
  readonly expiresMs?: number
  readonly isExpired: boolean
  /** Wall clock. Kept in memory alone: since the node started. */
  readonly lastUsedMs?: number
}

export interface TokenRequest {
  readonly scopes: readonly Scope[]
  readonly name?: string
  /** Default: until it is revoked. */
  readonly expiresInMs?: number
}

/** One that was made now. `token` is the secret, which nobody can be told again. */
export type MadeToken = TokenInfo & { readonly token: string }

/** What comes of what a client shows. */
export type Verdict =
  | { readonly kind: 'good'; readonly scopes: readonly Scope[]; readonly withdrawn: AbortSignal }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'expired'; readonly id: string }

export interface TokensDependencies {
  /** The vault. */
  readonly store: KeyValueStore
  readonly log: Logger
  /** Wall clock. */
  readonly wallMs: () => number
  /** Monotonic. */
  readonly nowMs: () => number
}

interface Token {
  readonly stored: StoredToken
  /** When this process came to know it, by the monotonic clock. */
  readonly knownMs: number
  /** Aborts what it does when it is revoked or has expired. */
  readonly withdrawal: AbortController
  lastUsedMs?: number
}

/** The tokens of a node: what they are good for, and until when. Every change is flushed; uses are not written. */
export class Tokens {
  readonly #deps: TokensDependencies
  readonly #bucket: Bucket
  /** By id, as they came. At most {@link MAX_TOKENS}. */
  readonly #tokens = new Map<string, Token>()
  /** What a token that isn't known is compared with: it takes as long as one that is. */
  readonly #nobody = randomBytes(DIGEST_BYTES)
  /** Changes happen one after the other. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(deps: TokensDependencies) {
    this.#deps = deps
    this.#bucket = deps.store.bucket(BUCKET)
    for (const [key, value] of this.#bucket.entries()) this.#load(Buffer.from(key).toString(), value)
  }

  /** Those that expired are in it until they are revoked. */
  list(): TokenInfo[] {
    return Array.from(this.#tokens.values(), token => this.#shown(token))
  }

  /** @throws SkepError TOKEN_NAME_TAKEN, TOKENS_FULL, INPUT_INVALID */
  create({ scopes, name, expiresInMs }: TokenRequest): Promise<MadeToken> {
    return this.#inTurn(async () => {
      this.#expectRoom(name)
      const { id, text } = newToken()
      const createdMs = this.#deps.wallMs()
      const stored: StoredToken = {
        id,
        digest: digestOf(text),
        scopes: [...new Set(scopes)],
        createdMs,
        ...(name !== undefined && { name }),
        ...(expiresInMs !== undefined && { expiresMs: createdMs + expiresInMs }),
      }
      await this.#deps.store.write(batch => batch.put(this.#bucket, Buffer.from(id), encodeToken(stored)))
      return { ...this.#shown(this.#keep(stored)), token: text }
    })
  }

  /**
   * Ends a token, and what it does at this moment.
   * @param which Its name or its id.
   * @throws SkepError TOKEN_UNKNOWN
   */
  revoke(which: string): Promise<TokenInfo> {
    return this.#inTurn(async () => {
      const all = [...this.#tokens.values()]
      const token =
        all.find(({ stored }) => stored.id === which) ?? all.find(({ stored }) => stored.name === which)
      if (!token)
        throw controlError('TOKEN_UNKNOWN', `no token has the name or the id ${JSON.stringify(which)}`)
      const { id } = token.stored
      // It counts at once; the disk may take its time.
      this.#tokens.delete(id)
      this.#withdraw(token, 'was revoked')
      await this.#deps.store.write(batch => batch.delete(this.#bucket, Buffer.from(id)))
      return this.#shown(token)
    })
  }

  /**
   * Judges what a client shows, in the same time whether there is such a token or not: its public id finds what the digest of the
   * whole is compared with.
   */
  judge(text: string): Verdict {
    const token = this.#tokens.get(tokenId(text) ?? '')
    const isRight = timingSafeEqual(digestOf(text), token?.stored.digest ?? this.#nobody)
    if (!token || !isRight) return { kind: 'unknown' }
    if (this.#isExpired(token)) return { kind: 'expired', id: token.stored.id }
    token.lastUsedMs = this.#deps.wallMs()
    return { kind: 'good', scopes: token.stored.scopes, withdrawn: token.withdrawal.signal }
  }

  /** Ends what tokens do that have expired since. */
  review(): void {
    for (const token of this.#tokens.values())
      if (this.#isExpired(token)) this.#withdraw(token, 'has expired')
  }

  /**
   * By the wall clock; and, as a board without one may be far behind, by the time that this process has known it. A board that
   * starts in the past gives a token its whole time again.
   */
  #isExpired({ stored: { createdMs, expiresMs }, knownMs }: Token): boolean {
    if (expiresMs === undefined) return false
    const { wallMs, nowMs } = this.#deps
    return wallMs() >= expiresMs || nowMs() - knownMs >= expiresMs - createdMs
  }

  #withdraw({ stored: { id }, withdrawal }: Token, why: string): void {
    withdrawal.abort(controlError('TOKEN_REFUSED', `token ${id} ${why}`))
  }

  #expectRoom(name: string | undefined): void {
    if (name !== undefined && !isName(name))
      throw controlError(
        'INPUT_INVALID',
        `${JSON.stringify(name)} is no name: expected 1 to 64 bytes that can be printed`,
      )
    const isTaken = [...this.#tokens.values()].some(
      ({ stored }) => stored.name === name || stored.id === name,
    )
    if (name !== undefined && isTaken)
      throw controlError('TOKEN_NAME_TAKEN', `there is a token ${JSON.stringify(name)} already`)
    if (this.#tokens.size >= MAX_TOKENS)
      throw controlError('TOKENS_FULL', `there are ${MAX_TOKENS} tokens already`)
  }

  #keep(stored: StoredToken): Token {
    const token: Token = { stored, knownMs: this.#deps.nowMs(), withdrawal: new AbortController() }
    this.#tokens.set(stored.id, token)
    return token
  }

  #shown(token: Token): TokenInfo {
    const { digest: _, ...info } = token.stored
    const { lastUsedMs } = token
    return { ...info, isExpired: this.#isExpired(token), ...(lastUsedMs !== undefined && { lastUsedMs }) }
  }

  /** One that can't be read costs no start, and lets nobody in. */
  #load(id: string, value: Uint8Array): void {
    try {
      this.#keep(decodeToken(id, value))
    } catch (err) {
      this.#deps.log.warn({ err, token: id }, 'a token could not be read: it does not count')
    }
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(change)
    this.#last = turn.catch(() => {})
    return turn
  }
}
