const HOUR_MS = 60 * 60_000

/** Nobody can carry an invite to a board in less. */
export const MIN_INVITE_MS = 1000
/** Whoever finds an old invite can use it. */
export const MAX_INVITE_MS = 30 * 24 * HOUR_MS
export const DEFAULT_INVITE_MS = 24 * HOUR_MS
