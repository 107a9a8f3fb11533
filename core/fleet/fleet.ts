import { hostname } from 'node:os'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { isLoopback } from '@libp2p/utils'
import { CODE_P2P, type Multiaddr } from '@multiformats/multiaddr'
import type { Events } from '../events.ts'
import type { Logger } from '../logger.ts'
import type { Doors } from '../network/doors.ts'
import type { NetworkPort } from '../network/network-port.ts'
import { portOf } from '../network/tcp-place.ts'
import type { Fleet } from '../services/fleet.ts'
import type { Peers } from '../state/peer-state.ts'
import { fleetError } from './errors.ts'
import { type FleetMember, type FleetStatus, fleetMembers, fleetStatus, removedFrom } from './fleet-status.ts'
import { fleetRule } from './gate-rule.ts'
import { formatInvite, MAX_INVITE_ADDRESSES, newSeed, parseInvite, signerOf } from './invite.ts'
import { useInviteFile } from './invite-file.ts'
import { askToJoin, JoinDoor } from './joining.ts'
import { createSigner } from './keys.ts'
import { findMember } from './member-name.ts'
import type { Membership, RosterChange } from './membership.ts'
import type { FleetMode } from './modes.ts'
import { checkName, fleetLabel, isName } from './names.ts'
import { exportOwnerKey, importOwnerKey, newOwnerKey, type OwnerKeyFile } from './owner-key.ts'
import type { Edit } from './roster.ts'
import { RosterExchange } from './roster-exchange.ts'

export interface FleetOptions {
  readonly mode: FleetMode
  /** Where an invite may lie that is to be used at the start. */
  readonly inviteFile: string | undefined
}

export interface FleetDependencies {
  readonly membership: Membership
  readonly ownerKey: OwnerKeyFile
  readonly network: NetworkPort
  readonly doors: Doors
  readonly peers: Pick<Peers, 'report' | 'found'>
  readonly events: Events
  readonly log: Logger
  /** Wall clock. */
  readonly wallMs: () => number
}

export interface MadeInvite {
  /** Whoever has it can join, once. */
  readonly invite: string
  readonly expiresMs: number
}

/** Who has the roster changed, or an invite made. */
export interface EditedBy {
  /** The peer id of the operator's board that asks from afar; absent for whoever asks here. */
  readonly operator?: string | undefined
}

export interface LeftFleet {
  readonly name: string
  /** Operators that have heard of it. */
  readonly told: number
  /** Other members that are in it; 0 where this node was removed before. */
  readonly others: number
}

/** How long a leaving node waits for operators to hear of it. */
const GOODBYE_TIMEOUT_MS = 5000

/** The fleet as a node lives it: who is let in, rosters passed on, and what a user does about it. */
export class FleetNode implements Fleet {
  readonly #options: FleetOptions
  readonly #deps: FleetDependencies
  readonly #exchange: RosterExchange
  readonly #door: JoinDoor
  readonly #stopped = new AbortController()
  #ungate = (): void => {}
  #inviteFile: Promise<void> = Promise.resolve()

  constructor(options: FleetOptions, deps: FleetDependencies) {
    const { peers } = deps
    this.#options = options
    this.#deps = deps
    this.#exchange = new RosterExchange(deps)
    this.#door = new JoinDoor({ ...deps, report: (peer, kind, detail) => peers.report(peer, kind, detail) })
  }

  /** Before anybody can connect. */
  async start(): Promise<void> {
    const { membership, network, log } = this.#deps
    this.#ungate = network.gate(fleetRule(peer => this.admits(peer)))
    membership.onChange = change => this.#changed(change)
    this.#door.start()
    await this.#exchange.start()
    const { inviteFile: path } = this.#options
    if (path === undefined) return
    const { signal } = this.#stopped
    const join = async (text: string): Promise<void> => {
      const { owner } = parseInvite(text)
      // A power cut may have come between the end of joining and that of the file.
      if (this.#isIn(owner)) return
      await this.join(text, { signal })
    }
    this.#inviteFile = useInviteFile({ path, signal }, { join, log })
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    this.#stopped.abort()
    this.#ungate()
    this.#exchange.stop()
    this.#door.stop()
    await this.#inviteFile
  }

  get label(): string | undefined {
    const { roster, isRemoved } = this.#deps.membership
    return roster && !isRemoved ? fleetLabel(roster.charter.owner) : undefined
  }

  get isClosed(): boolean {
    return this.#options.mode === 'closed'
  }

  isMember(peer: PeerId): boolean | undefined {
    const { membership } = this.#deps
    return membership.roster && !membership.isRemoved ? membership.isMember(peer) : undefined
  }

  isOperator(peer: PeerId): boolean {
    return this.#deps.membership.isOperator(peer)
  }

  admits(peer: PeerId): boolean {
    return !this.isClosed || this.#deps.membership.isMember(peer)
  }

  status(): FleetStatus {
    return fleetStatus(this.#deps.membership, this.#options.mode, this.#connected)
  }

  /** Empty where this node is in no fleet, or was removed. */
  members(): FleetMember[] {
    return fleetMembers(this.#deps.membership, this.#connected)
  }

  /**
   * The one that `who` means: a peer id, a part of one, or a name.
   * @throws SkepError NO_FLEET, MEMBER_UNKNOWN
   */
  member(who: string): FleetMember {
    const { roster, isRemoved } = this.#deps.membership
    if (!roster) throw fleetError('NO_FLEET', 'this node is in no fleet')
    if (isRemoved) throw fleetError('NO_FLEET', `this node was ${removedFrom(roster)}`)
    return findMember(this.members(), who)
  }

  /**
   * Makes a fleet with this node as its first member, and the key that owns it, unless one is here.
   * @throws SkepError FLEET_ALREADY, FLEET_NAME_INVALID, OWNER_KEY_UNREADABLE
   */
  async create(name: string, board?: string): Promise<FleetStatus> {
    const { membership, ownerKey } = this.#deps
    checkName(name)
    const founder = boardName(board)
    membership.expectNone()
    // One is here where what was kept of its fleet is lost: members bring the rest back.
    const kept = await ownerKey.read()
    const key = kept ?? (await newOwnerKey())
    if (!kept) await ownerKey.write(key)
    membership.use(createSigner(key))
    await membership.found(name, { name: founder })
    return this.status()
  }

  /** @throws SkepError NO_FLEET, NOT_OPERATOR, INVITES_FULL, FLEET_NAME_INVALID, SWARM_PRIVATE */
  async invite(
    { expiresInMs, name = '' }: { expiresInMs: number; name?: string },
    { operator: maker }: EditedBy = {},
  ): Promise<MadeInvite> {
    const { membership, network, wallMs } = this.#deps
    if (name !== '') checkName(name)
    this.#expectDoors()
    const seed = newSeed()
    const { id } = await signerOf({ seed })
    const createdMs = wallMs()
    const expiresMs = createdMs + expiresInMs
    await membership.addInvite({ id, createdMs, expiresMs, name, ...(maker && { maker }) })
    const { roster } = membership
    if (!roster) throw fleetError('NO_FLEET', 'this node has just left its fleet')
    const invite = formatInvite({
      seed,
      owner: roster.charter.owner,
      fleet: roster.charter.name,
      host: membership.self,
      addresses: invitingAddresses(network.addresses()),
      expiresMs,
    })
    return { invite, expiresMs }
  }

  /** Resolves with how many nobody had used. */
  cancelInvites(): Promise<number> {
    return this.#deps.membership.cancelInvites()
  }

  /**
   * Joins the fleet that `text` invites to, and connects to who made the invite.
   * @throws SkepError INVITE_INVALID, INVITE_REFUSED, INVITER_UNREACHABLE, FLEET_ALREADY, FLEET_NAME_INVALID,
   * SWARM_PRIVATE
   */
  async join(text: string, { name, signal }: { name?: string; signal: AbortSignal }): Promise<FleetStatus> {
    const { membership, doors, peers, network, log } = this.#deps
    const invite = parseInvite(text)
    membership.expectNone()
    this.#expectDoors()
    const bytes = await askToJoin(invite, { self: membership.self, name: boardName(name), signal }, { doors })
    await membership.enter(bytes, invite.owner)
    const host = peerIdFromString(invite.host)
    peers.found(host, 'manual', invite.addresses)
    const addresses = invite.addresses.map(address => address.encapsulate(`/p2p/${invite.host}`))
    // A member already: where this fails, others find it, or it them.
    await network
      .dial(addresses, { signal })
      .catch(err => log.warn({ err }, 'joined, but not connected to who made the invite'))
    return this.status()
  }

  /**
   * `who`: a peer id, a part of one, or a name.
   * @throws SkepError NO_FLEET, NOT_OPERATOR, NOT_OWNER, MEMBER_UNKNOWN, MEMBER_KEPT
   */
  async remove(who: string, by?: EditedBy): Promise<FleetMember> {
    const member = this.member(who)
    if (member.isSelf)
      throw fleetError('MEMBER_KEPT', 'this is the board itself: it can leave, or another one removes it')
    await this.#edit({ kind: 'remove', peer: member.peer }, by)
    return member
  }

  /** @throws SkepError as {@link remove} */
  async delegate(who: string, by?: EditedBy): Promise<FleetMember> {
    const { peer } = this.member(who)
    await this.#edit({ kind: 'delegate', peer }, by)
    return this.member(peer)
  }

  /** @throws SkepError as {@link remove} */
  async revoke(who: string, by?: EditedBy): Promise<FleetMember> {
    const { peer, isSelf } = this.member(who)
    if (isSelf) throw fleetError('MEMBER_KEPT', 'the board with the owner key is an operator')
    await this.#edit({ kind: 'revoke', peer }, by)
    return this.member(peer)
  }

  /**
   * Forgets the fleet, after connected operators have heard that this node leaves. Resolves with how many have, of how many
   * other members.
   * @throws SkepError NO_FLEET, OWNER_KEY_HERE
   */
  async leave({ deleteKey }: { deleteKey: boolean }): Promise<LeftFleet> {
    const { membership, ownerKey } = this.#deps
    const { roster } = membership
    if (!roster) throw fleetError('NO_FLEET', 'this node is in no fleet')
    const { name } = roster.charter
    const others = membership.isRemoved
      ? 0
      : [...roster.members.keys()].filter(peer => peer !== membership.self).length
    if (membership.isOwner && !deleteKey)
      throw fleetError('OWNER_KEY_HERE', `the key that owns fleet '${name}' is on this board`)
    const told = await this.#exchange.sayGoodbye(AbortSignal.timeout(GOODBYE_TIMEOUT_MS))
    await membership.leave()
    if (deleteKey) {
      await ownerKey.remove()
      membership.use(undefined)
    }
    return { name, told, others }
  }

  /** @throws SkepError NOT_OWNER, OWNER_KEY_UNREADABLE */
  async backupKey(): Promise<string> {
    const key = await this.#deps.ownerKey.read()
    if (!key) throw fleetError('NOT_OWNER', 'there is no owner key on this board')
    return exportOwnerKey(key)
  }

  /**
   * Makes this board one of the owner's.
   * @throws SkepError OWNER_KEY_INVALID, NO_FLEET, FLEET_OTHER
   */
  async restoreKey(text: string): Promise<FleetStatus> {
    const { membership, ownerKey } = this.#deps
    const key = importOwnerKey(text)
    const signer = createSigner(key)
    const { roster } = membership
    if (!roster) throw fleetError('NO_FLEET', 'a key is restored on a board that is a member')
    const { owner, name } = roster.charter
    if (owner !== signer.id) throw fleetError('FLEET_OTHER', `the key does not own fleet '${name}'`)
    await ownerKey.write(key)
    membership.use(signer)
    await membership.edit({ kind: 'delegate', peer: membership.self })
    return this.status()
  }

  /** Joining goes past what protects a private network, and would betray it. */
  #expectDoors(): void {
    if (this.#deps.network.isPrivate)
      throw fleetError(
        'SWARM_PRIVATE',
        'boards cannot join by invite in a private network (network.swarmKeyFile)',
      )
  }

  get #connected(): ReadonlySet<string> {
    return new Set(this.#deps.network.connectedPeers().map(String))
  }

  /** The board of an operator that asks from afar gets no use of the owner key that is here. */
  #edit(edit: Edit, { operator }: EditedBy = {}): Promise<void> {
    const { membership } = this.#deps
    const isOwn = operator === undefined || operator === membership.self
    return isOwn ? membership.edit(edit) : membership.editAsOperator(edit)
  }

  #isIn(owner: string): boolean {
    const { membership } = this.#deps
    return membership.roster?.charter.owner === owner && membership.roleOf(membership.self) !== undefined
  }

  #changed({ before, after }: RosterChange): void {
    const { network, events, log, membership } = this.#deps
    const isOut = membership.isRemoved
    if (after && isOut) log.warn({ fleet: after.charter.name }, removedFrom(after))
    if (after) {
      const { charter, version, members } = after
      log.info({ fleet: charter.name, term: charter.term, version, members: members.size }, 'new roster')
    }
    for (const peer of network.connectedPeers()) {
      const id = peer.toString()
      const hasLeft = Boolean(before?.members.has(id)) && !after?.members.has(id)
      if (!hasLeft && this.admits(peer)) continue
      network.hangUp(peer).catch(err => log.debug({ err, peer: id }, 'a connection did not close'))
    }
    events.emit('fleet:changed', {
      ...(after && {
        fleet: after.charter.name,
        term: after.charter.term,
        version: after.version,
        members: after.members.size,
        ...(isOut && { reason: removedFrom(after) }),
      }),
    })
    this.#exchange.spread()
  }
}

/** @throws SkepError FLEET_NAME_INVALID */
function boardName(name: string | undefined): string {
  if (name !== undefined) return checkName(name)
  const own = hostname()
  return isName(own) ? own : 'board'
}

/** Those that a board elsewhere can use; on a machine without a network its own. */
function invitingAddresses(addresses: readonly Multiaddr[]): Multiaddr[] {
  const direct = addresses.map(withoutPeer).filter(address => portOf(address) !== undefined)
  const outside = direct.filter(address => !isLoopback(address))
  return (outside.length > 0 ? outside : direct).slice(0, MAX_INVITE_ADDRESSES)
}

function withoutPeer(address: Multiaddr): Multiaddr {
  return address.decapsulateCode(CODE_P2P)
}
