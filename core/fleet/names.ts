import { fleetError } from './errors.ts'
import { MAX_NAME_BYTES } from './roster.ts'

/** Control characters, and what turns the direction of a line, would change how lists look. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u

/** Of a fleet or a board, as people read it. */
export function isName(text: string): boolean {
  return text.length > 0 && Buffer.byteLength(text) <= MAX_NAME_BYTES && !UNPRINTABLE.test(text)
}

/** @throws SkepError FLEET_NAME_INVALID */
export function checkName(text: string): string {
  if (isName(text)) return text
  throw fleetError('FLEET_NAME_INVALID', `${JSON.stringify(text)} is no name`)
}
