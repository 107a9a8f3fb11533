import type { Progress } from '../content/content.ts'
import type { ErrorBody } from './errors.ts'

/**
 * How every long operation answers: JSON lines, each an object with one key. Any number of `progress` and `item` lines,
 * then one `result` or `error` line; an answer without that last line was cut off. An operation that fails before its
 * first line answers with an HTTP status and `{ error }` instead.
 */
export type OperationEvent<T = unknown, I = unknown> =
  | { readonly progress: Progress }
  | { readonly item: I }
  | { readonly result: T }
  | { readonly error: ErrorBody }

export const EVENTS_TYPE = 'application/x-ndjson'

/** Where a body that failed on its way says why, to a client that sent `te: trailers`; others see the connection break. */
export const ERROR_TRAILER = 'skep-error'

/** About how many content bytes a tree has, where the node knows when it begins to send it. */
export const TOTAL_HEADER = 'skep-total-bytes'

/** Trailers count as headers, of which a client takes 16 KiB. */
const MAX_TRAILER_BYTES = 8 * 1024

/** Header-safe text of an error. A long message is cut rather than the code or the fix lost. */
export function encodeErrorTrailer(error: ErrorBody): string {
  for (let { length } = error.message; ; length = Math.floor(length / 2)) {
    const text = encodeURIComponent(
      JSON.stringify({ ...error, message: error.message.slice(0, length).toWellFormed() }),
    )
    if (text.length <= MAX_TRAILER_BYTES || length === 0) return text
  }
}

/** @throws URIError, SyntaxError, TypeError for what {@link encodeErrorTrailer} didn't write */
export function decodeErrorTrailer(text: string): ErrorBody {
  const { code, message, fix } = JSON.parse(decodeURIComponent(text))
  const isWhole = [code, message, fix].every(part => typeof part === 'string')
  if (!isWhole) throw new TypeError(`${text} is no error`)
  return { code, message, fix }
}
