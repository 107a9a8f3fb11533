import type { EvidenceKind } from '../../core/api.ts'
import type { Decaying } from './decay.ts'
import { EVIDENCE_KINDS } from './evidence.ts'
import { MAX_DETAIL_CHARACTERS, type Standing, type Tally } from './standing.ts'

/** A longer value is none of ours. */
const MAX_RECORD_BYTES = 8 * 1024

/** JSON: `{"verifiedBytes":1048576,"credit":{…},"tallies":{"timeout":{…}}}`. What a limit has left isn't kept. */
export function encodeStanding({ tallies, ...standing }: Standing): Uint8Array {
  const kept = Object.entries(tallies).map(([kind, { bucket: _, ...tally }]) => [kind, tally])
  return Buffer.from(JSON.stringify({ ...standing, tallies: Object.fromEntries(kept) }))
}

/** Undefined for what is no standing. Never throws. */
export function decodeStanding(bytes: Uint8Array): Standing | undefined {
  if (bytes.length > MAX_RECORD_BYTES) return undefined
  try {
    const { verifiedBytes, credit, tallies } = JSON.parse(Buffer.from(bytes).toString())
    return {
      verifiedBytes: amount(verifiedBytes),
      ...(credit !== undefined && { credit: decaying(credit) }),
      tallies: Object.fromEntries(
        EVIDENCE_KINDS.flatMap(kind => (tallies[kind] ? [[kind, tallyOf(tallies[kind])]] : [])),
      ) as Partial<Record<EvidenceKind, Tally>>,
    }
  } catch {
    return undefined
  }
}

function tallyOf(value: Record<keyof Tally, unknown>): Tally {
  return {
    ...decaying(value),
    times: amount(value.times),
    limited: amount(value.limited),
    excused: amount(value.excused),
    lastMs: amount(value.lastMs),
    detail: String(value.detail).slice(0, MAX_DETAIL_CHARACTERS),
  }
}

function decaying({ weight, atMs }: Record<keyof Decaying, unknown>): Decaying {
  return { weight: amount(weight), atMs: amount(atMs) }
}

/** @throws TypeError where it is no number from 0 on */
function amount(value: unknown): number {
  if (typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER) return value
  throw new TypeError(`${value} is no amount`)
}
