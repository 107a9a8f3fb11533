const DAY_MS = 24 * 60 * 60_000

/** One a program and a person, and then some. */
export const MAX_TOKENS = 64
/** Time to copy it. */
export const MIN_TOKEN_MS = 1000
/** Beyond that nobody remembers why it ends. */
export const MAX_TOKEN_MS = 3650 * DAY_MS
