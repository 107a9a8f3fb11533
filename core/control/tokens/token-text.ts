import { createHash, randomBytes } from 'node:crypto'

/** What a client shows. `skep-token-` tells people, and programs that look for secrets in files, what it is. */
const TOKEN = /^skep-token-([0-9a-f]{12})-[A-Za-z0-9_-]{43}$/

/** Enough to tell some dozens apart; what is secret comes after it. */
const ID_BYTES = 6
/** 256 bits of chance. */
const SECRET_BYTES = 32

/** A token as nobody else ever sees it again. */
export interface FreshToken {
  /** Public: names the token in lists, and finds it. */
  readonly id: string
  readonly text: string
}

export function newToken(random: (bytes: number) => Buffer = randomBytes): FreshToken {
  const id = random(ID_BYTES).toString('hex')
  return { id, text: `skep-token-${id}-${random(SECRET_BYTES).toString('base64url')}` }
}

/** The public part of `text`; undefined where it is no token. */
export function tokenId(text: string): string | undefined {
  return TOKEN.exec(text)?.[1]
}

/**
 * What is kept of a token, 32 bytes. One round of SHA-256 is enough: slow hashes make up for passwords that can be guessed, and
 * nobody tries 2^256 secrets. One would cost a small board a tenth of a second for each request, whoever sends it.
 */
export function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
