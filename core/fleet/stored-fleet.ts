import { idOf, keyOf } from './keys.ts'
import type { OpenInvite } from './open-invites.ts'
import { MAX_INVITES } from './open-invites.ts'
import type { Edit } from './roster.ts'
import * as wire from './wire/fleet.js'

/** What a node keeps of its fleet. */
export interface StoredFleet {
  /** As it was signed; empty: in no fleet. */
  readonly roster: Uint8Array<ArrayBuffer>
  readonly edits: readonly CountedEdit[]
  readonly invites: readonly OpenInvite[]
}

export interface CountedEdit {
  /** The first edit made here has 1. */
  readonly count: number
  readonly edit: Edit
}

/** Edits made here that are made again where a roster without them wins. The oldest leaves first. */
export const MAX_KEPT_EDITS = 64

const VERSION = 1
const KINDS: readonly string[] = ['add', 'remove', 'delegate', 'revoke'] satisfies Edit['kind'][]

export function encodeStored({ roster, edits, invites }: StoredFleet): Uint8Array {
  const message = wire.StoredFleet.encode({
    roster,
    edits: edits.map(({ count, edit }) => ({
      count: BigInt(count),
      kind: edit.kind,
      key: keyOf(edit.peer),
      name: edit.kind === 'add' ? edit.name : '',
      joinedMs: edit.kind === 'add' ? BigInt(edit.joinedMs) : 0n,
    })),
    invites: invites.map(({ id, createdMs, expiresMs, name, usedBy, maker }) => ({
      key: keyOf(id),
      createdMs: BigInt(createdMs),
      expiresMs: BigInt(expiresMs),
      name,
      usedBy: usedBy === undefined ? new Uint8Array() : keyOf(usedBy),
      maker: maker === undefined ? new Uint8Array() : keyOf(maker),
    })),
  })
  return Buffer.concat([Buffer.of(VERSION), message])
}

/** @throws TypeError where these bytes are none of ours */
export function decodeStored(bytes: Uint8Array): StoredFleet {
  if (bytes[0] !== VERSION) throw new TypeError(`version ${bytes[0]} is not known`)
  const { roster, edits, invites } = wire.StoredFleet.decode(bytes.subarray(1), {
    limits: { edits: MAX_KEPT_EDITS, invites: MAX_INVITES },
  })
  return {
    roster,
    edits: edits.map(({ count, kind, key, name, joinedMs }) => ({
      count: Number(count),
      edit: editOf(kind, idOf(key), name, Number(joinedMs)),
    })),
    invites: invites.map(({ key, createdMs, expiresMs, name, usedBy, maker }) => ({
      id: idOf(key),
      createdMs: Number(createdMs),
      expiresMs: Number(expiresMs),
      name,
      ...(usedBy.byteLength > 0 && { usedBy: idOf(usedBy) }),
      ...(maker.byteLength > 0 && { maker: idOf(maker) }),
    })),
  }
}

function editOf(kind: string, peer: string, name: string, joinedMs: number): Edit {
  if (!KINDS.includes(kind)) throw new TypeError(`no edit is a '${kind}'`)
  return kind === 'add' ? { kind, peer, name, joinedMs } : { kind: kind as 'remove', peer }
}
