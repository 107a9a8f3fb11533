import { createHash } from 'node:crypto'
import { base32 } from 'multiformats/bases/base32'
import { fleetError } from './errors.ts'
import { MAX_NAME_BYTES, type Roster } from './roster.ts'

/** Control characters, and what turns the direction of a line, would change how lists look. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u

/** Of a fleet or a board, as people read it. */
export function isName(text: string): boolean {
  return text.length > 0 && Buffer.byteLength(text) <= MAX_NAME_BYTES && !UNPRINTABLE.test(text)
}

/** @throws SkepError FLEET_NAME_INVALID */
export function checkName(text: string): string {
  if (isName(text)) return text
  const bytes = Buffer.byteLength(text)
  const why =
    bytes > MAX_NAME_BYTES
      ? `it has ${bytes} bytes, and a name at most ${MAX_NAME_BYTES}`
      : 'it is empty, or has a character that is not printable'
  throw fleetError('FLEET_NAME_INVALID', `${JSON.stringify(text)} is no name: ${why}`)
}

/** `name`, or where a member has it, the first of `name-2`, `name-3`, … that nobody has. At most as long as a name may be. */
export function distinctName(name: string, { members }: Pick<Roster, 'members'>): string {
  const taken = new Set([...members.values()].map(member => member.name))
  let distinct = name
  for (let number = 2; taken.has(distinct); number++) {
    const suffix = `-${number}`
    let base = name
    // By whole characters, however many bytes each has.
    while (Buffer.byteLength(base + suffix) > MAX_NAME_BYTES) base = [...base].slice(0, -1).join('')
    distinct = base + suffix
  }
  return distinct
}

/** With `skep-` before it as long as a DNS-SD service name may be: https://www.rfc-editor.org/rfc/rfc6335#section-5.1 */
const LABEL_LENGTH = 10

/**
 * What sets the fleet of `owner` apart in names that everybody may see. From it nobody learns the owner's key; whoever has met the
 * fleet can work it out.
 */
export function fleetLabel(owner: string): string {
  const hash = createHash('sha256').update(`skep-fleet:${owner}`).digest()
  return base32.baseEncode(hash).slice(0, LABEL_LENGTH)
}
