import type { CID } from 'multiformats/cid'
import { PROTOCOL } from '../wire/codec.ts'

/** Peers named in one message; the rest are counted. */
const MAX_NAMED = 8

/** Says who was asked for a block, and what each answered. */
export function unavailableMessage(cid: CID, waitedMs: number, answers: ReadonlyMap<string, string>): string {
  const head = `no peer delivered block ${cid} within ${waitedMs / 1000} s`
  if (answers.size === 0) return `${head}: no connected peer speaks ${PROTOCOL.id}`
  const named = [...answers].slice(0, MAX_NAMED).map(([peer, answer]) => `${peer}: ${answer}`)
  const rest = answers.size - named.length
  return `${head}; asked ${answers.size}: ${named.join('; ')}${rest > 0 ? `; and ${rest} more` : ''}`
}
