import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { isSkepError, messageOf } from '../errors.ts'
import type { EvidenceKind } from '../events.ts'
import type { Logger } from '../logger.ts'
import { PipeChannel } from '../network/channel.ts'
import type { Doors, Guest } from '../network/doors.ts'
import type { Channel } from '../network/framing.ts'
import { SocketPipe } from '../network/socket-pipe.ts'
import { hostOf, portOf, type TcpPlace } from '../network/tcp-place.ts'
import { untilAborted } from '../until-aborted.ts'
import { fleetError } from './errors.ts'
import { type Invite, isProved, prove, signerOf } from './invite.ts'
import { idOf, keyOf } from './keys.ts'
import type { Membership } from './membership.ts'
import { isName } from './names.ts'
import { MAX_ROSTER_BYTES } from './signed-roster.ts'
import { JoinRequest, JoinResponse } from './wire/fleet.js'

const ALPN = 'skep-join/1'
/** From the end of the handshake to the end of it all: two messages, and a flush in between. */
const TIMEOUT_MS = 10_000
/** At a time, of those who have come through the handshake. Beyond it the oldest goes of those who are not being answered. */
const MAX_GUESTS = 8
const MAX_REQUEST_BYTES = 512
const MAX_RESPONSE_BYTES = MAX_ROSTER_BYTES + 512

export interface JoinDoorDependencies {
  readonly doors: Doors
  readonly membership: Membership
  report(peer: PeerId, kind: EvidenceKind, detail: string): void
  readonly log: Logger
}

interface Visit {
  readonly channel: Channel
  /** It has asked, and has no answer yet. */
  isAsking: boolean
}

/** Where boards with an invite are let into the fleet. Shut while there is no invite. */
export class JoinDoor {
  readonly #deps: JoinDoorDependencies
  /** In the order they came. */
  readonly #visits = new Set<Visit>()

  constructor(deps: JoinDoorDependencies) {
    this.#deps = deps
  }

  start(): void {
    const { doors, membership } = this.#deps
    doors.add({
      alpn: ALPN,
      expects: () => membership.canEdit && membership.invites.length > 0,
      enter: guest => this.#enter(guest),
    })
  }

  /** libp2p's listener waits for every connection that it has let in. */
  stop(): void {
    for (const { channel } of this.#visits) channel.abort(new Error('the node stops'))
  }

  async #enter({ peer, tls, socket }: Guest): Promise<void> {
    if (!this.#makeRoom()) throw new Error(`${MAX_GUESTS} others are joining`)
    const channel = new PipeChannel(
      { protocol: ALPN, maxMessageBytes: MAX_REQUEST_BYTES, idleTimeoutMs: TIMEOUT_MS },
      { peer, pipe: new SocketPipe(tls), report: (kind, detail) => this.#deps.report(peer, kind, detail) },
    )
    const visit: Visit = { channel, isAsking: false }
    this.#visits.add(visit)
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    try {
      const bytes = await channel.read({ signal })
      if (!bytes) return
      visit.isAsking = true
      await channel.write(JoinResponse.encode(await this.#answer(bytes, peer)), undefined, { signal })
      visit.isAsking = false
      await channel.close({ signal })
      await untilAborted(goneOf(channel), signal)
    } finally {
      this.#visits.delete(visit)
      tls.destroy()
      socket.destroy()
    }
  }

  /** Who comes with an invite asks at once, so those who stand there and say nothing, or have their answer, make way. */
  #makeRoom(): boolean {
    if (this.#visits.size < MAX_GUESTS) return true
    for (const visit of this.#visits) {
      if (visit.isAsking) continue
      this.#visits.delete(visit)
      visit.channel.abort(new Error('others want to join'))
      return true
    }
    return false
  }

  async #answer(bytes: Uint8Array, peer: PeerId): Promise<JoinResponse> {
    const { membership, log } = this.#deps
    const joiner = peer.toString()
    const { invite, name, proof } = JoinRequest.decode(bytes)
    const { owner } = membership.roster?.charter ?? {}
    const id = idOf(invite)
    try {
      if (!owner || !isProved(id, { owner, host: membership.self, joiner }, proof))
        throw fleetError('INVITE_REFUSED', `${joiner} does not have the invite that it names`)
      const { bytes: roster } = await membership.welcome(id, joiner, isName(name) ? name : shortName(joiner))
      log.info({ peer: joiner }, 'a board has joined the fleet')
      return { roster, refusal: '' }
    } catch (error) {
      log.warn({ err: error, peer: joiner }, 'a board was not let into the fleet')
      // Why it was is told to who has an invite alone; a guess learns no more than that it was wrong.
      const refusal = isSkepError(error) && error.code !== 'INVITE_REFUSED' ? error.message : ''
      return { roster: new Uint8Array(), refusal }
    }
  }
}

function shortName(peer: string): string {
  return `board-${peer.slice(-6)}`
}

function goneOf({ signal }: Channel): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

export interface JoinOptions {
  readonly self: string
  /** What this board is called, unless the invite says it. */
  readonly name: string
  readonly signal: AbortSignal
}

/**
 * Asks the node that made `invite` to let this one in. Resolves with a roster, which is the caller's to check.
 *
 * @throws SkepError INVITER_UNREACHABLE, INVITE_REFUSED, INVITE_INVALID
 */
export async function askToJoin(
  invite: Invite,
  { self, name, signal }: JoinOptions,
  { doors }: { readonly doors: Doors },
): Promise<Uint8Array> {
  const host = peerIdFromString(invite.host)
  if (invite.host === self) throw fleetError('INVITE_INVALID', 'this node made the invite itself')
  const signer = await signerOf(invite)
  const request = JoinRequest.encode({
    invite: keyOf(signer.id),
    name,
    proof: prove(signer, { owner: invite.owner, host: invite.host, joiner: self }),
  })
  const reasons: string[] = []
  for (const address of invite.addresses) {
    const place = placeOf(hostOf(address), portOf(address))
    if (!place) continue
    try {
      return await askAt(place, { host, request, signal }, doors)
    } catch (error) {
      signal.throwIfAborted()
      if (isSkepError(error, 'INVITE_REFUSED')) throw error
      reasons.push(`${address} (${messageOf(error)})`)
    }
  }
  const tried = reasons.length > 0 ? reasons.join(', ') : 'none of its addresses is of TCP'
  throw fleetError('INVITER_UNREACHABLE', `cannot reach ${invite.host}, who made the invite: ${tried}`)
}

async function askAt(
  place: TcpPlace,
  { host, request, signal }: { host: PeerId; request: Uint8Array; signal: AbortSignal },
  doors: Doors,
): Promise<Uint8Array> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(2 * TIMEOUT_MS)])
  const { socket, pipe } = await doors.knock(ALPN, host, place, limit)
  const channel = new PipeChannel(
    { protocol: ALPN, maxMessageBytes: MAX_RESPONSE_BYTES, idleTimeoutMs: TIMEOUT_MS },
    { peer: host, pipe, report() {} },
  )
  try {
    await channel.write(request, undefined, { signal: limit })
    const bytes = await channel.read({ signal: limit })
    if (!bytes) throw new Error('it ended the conversation without an answer')
    const { roster, refusal } = JoinResponse.decode(bytes)
    if (roster.byteLength > 0) {
      await channel.close({ signal: limit })
      return roster
    }
    throw fleetError(
      'INVITE_REFUSED',
      `${host} refused the invite: ${refusal || 'it is used up, expired, or not one of its own'}`,
    )
  } finally {
    socket.destroy()
  }
}

function placeOf(host: string | undefined, port: number | undefined): TcpPlace | undefined {
  return host === undefined || port === undefined ? undefined : { host, port }
}
