import type { PeerId } from '@libp2p/interface'
import { messageOf } from '../errors.ts'
import type { Trust } from '../network/protocols.ts'
import type { KeyValueStore } from '../storage/storage.ts'
import { fleetError } from './errors.ts'
import { distinctName } from './names.ts'
import { judge, MAX_INVITES, type OpenInvite, remainingMs } from './open-invites.ts'
import {
  type Edit,
  edited,
  foundRoster,
  isOpen,
  MAX_MEMBERS,
  MAX_OPERATORS,
  type Member,
  needsOwner,
  type Role,
  type Roster,
  roleOf,
} from './roster.ts'
import { readRoster, type SignedRoster, type Signers, signRoster } from './signed-roster.ts'
import { type CountedEdit, decodeStored, encodeStored, MAX_KEPT_EDITS } from './stored-fleet.ts'

const BUCKET = 'fleet'
const KEY = Buffer.from('fleet')
/** A vault that is restored may have missed so many edits of its node. A roster that tells of more was made up by an operator. */
const MAX_MISSED_EDITS = 2 ** 20

export interface MembershipDependencies {
  readonly store: KeyValueStore
  readonly signers: Signers
  /** Wall clock. */
  readonly wallMs: () => number
  /** Monotonic. */
  readonly nowMs: () => number
}

/** What a change of the roster was: who is on it that wasn't, and the other way round. */
export interface RosterChange {
  readonly before: Roster | undefined
  readonly after: Roster | undefined
}

interface State {
  readonly signed: SignedRoster | undefined
  readonly edits: readonly CountedEdit[]
  readonly invites: readonly OpenInvite[]
}

const NO_FLEET: State = { signed: undefined, edits: [], invites: [] }

/** The fleet this node is in, as it knows it: the roster, what was edited here, the invites made here. Every change is flushed. */
export class Membership {
  readonly #deps: MembershipDependencies
  #signers: Signers
  #state: State
  /** When each invite ends, by the monotonic clock. */
  readonly #ends = new Map<string, number>()
  /** Changes happen one after the other. */
  #last: Promise<unknown> = Promise.resolve()
  /** Told of each change once it is flushed. */
  onChange: (change: RosterChange) => void = () => {}

  /** @throws SkepError FLEET_UNREADABLE where what was kept can't be read */
  constructor(deps: MembershipDependencies) {
    this.#deps = deps
    this.#signers = deps.signers
    const bytes = deps.store.bucket(BUCKET).get(KEY)
    this.#state = bytes ? readState(bytes) : NO_FLEET
    for (const invite of this.#state.invites) this.#timeInvite(invite)
  }

  get signed(): SignedRoster | undefined {
    return this.#state.signed
  }

  get roster(): Roster | undefined {
    return this.#state.signed?.roster
  }

  get self(): string {
    return this.#signers.self.id
  }

  /** True where the owner's key of this very fleet is here. */
  get isOwner(): boolean {
    const { owner } = this.#signers
    return owner !== undefined && owner.id === this.roster?.charter.owner
  }

  /** True where the roster doesn't name this node any more. With the owner's key it still has a say, and isn't out. */
  get isRemoved(): boolean {
    return this.roster !== undefined && !this.isOwner && this.roleOf(this.self) === undefined
  }

  get canEdit(): boolean {
    return this.roster !== undefined && this.#mayEdit(this.roster)
  }

  /** Of the invites made here, those that count. */
  get invites(): readonly OpenInvite[] {
    const nowMs = this.#deps.nowMs()
    return this.#state.invites.filter(({ id }) => nowMs < (this.#ends.get(id) ?? 0))
  }

  isMember(peer: PeerId): boolean {
    return this.roster?.members.has(peer.toString()) ?? false
  }

  /** The board with the owner key is always one. To a node that was taken out nobody is. */
  isOperator(peer: PeerId): boolean {
    return !this.isRemoved && this.roleOf(peer.toString()) === 'operator'
  }

  /** Whether `peer` is one of those that `trust` names. */
  trusts(peer: PeerId, trust: Exclude<Trust, 'anyone'>): boolean {
    return trust === 'operator' ? this.isOperator(peer) : this.isMember(peer)
  }

  roleOf(peer: string): Role | undefined {
    return this.roster && roleOf(this.roster, peer)
  }

  /** A fleet that took this node out is in nobody's way. @throws SkepError FLEET_ALREADY */
  expectNone(): void {
    const { roster } = this
    if (roster && !this.isRemoved)
      throw fleetError('FLEET_ALREADY', `this node is in fleet '${roster.charter.name}' already`)
  }

  /** What this node signs with from now on. */
  use(owner: Signers['owner']): void {
    this.#signers = { ...this.#signers, owner }
  }

  /** @throws SkepError FLEET_ALREADY, NOT_OWNER */
  found(name: string, founder: Omit<Member, 'joinedMs'>): Promise<void> {
    return this.#inTurn(async () => {
      this.expectNone()
      const { owner } = this.#signers
      if (!owner) throw fleetError('NOT_OWNER', 'there is no owner key here')
      const member = { ...founder, peer: this.self, joinedMs: this.#deps.wallMs() }
      const signed = signRoster(foundRoster({ owner: owner.id, name }, member), this.#signers)
      await this.#save({ ...NO_FLEET, signed })
    })
  }

  /**
   * Becomes a member by a roster that says so.
   * @throws SkepError FLEET_ALREADY, ROSTER_INVALID, FLEET_OTHER
   */
  enter(bytes: Uint8Array, owner: string): Promise<void> {
    return this.#inTurn(async () => {
      const signed = readRoster(bytes)
      if (signed?.head.owner !== owner)
        throw fleetError(
          'FLEET_OTHER',
          `expected a roster of fleet ${owner}, got one of ${signed?.head.owner}`,
        )
      if (!signed.roster.members.has(this.self))
        throw fleetError('ROSTER_INVALID', `the roster does not name this node, ${this.self}`)
      this.expectNone()
      await this.#save({ ...NO_FLEET, signed })
    })
  }

  /**
   * Takes a roster that another member has in place of the one here, if it is newer. Edits made here that it lacks are made
   * again. Resolves with whether it was.
   *
   * @throws SkepError ROSTER_INVALID, FLEET_OTHER, NO_FLEET
   */
  adopt(bytes: Uint8Array): Promise<boolean> {
    return this.#inTurn(async () => {
      const newer = readRoster(bytes, this.#expect().head)
      if (!newer) return false
      await this.#save({ ...this.#state, signed: this.#again(newer) })
      return true
    })
  }

  /**
   * Makes `edits`, in one new roster. Those that change nothing are left out.
   * @throws SkepError NO_FLEET, NOT_OPERATOR, NOT_OWNER, FLEET_FULL
   */
  edit(...edits: Edit[]): Promise<void> {
    return this.#inTurn(() => this.#edit(edits))
  }

  /**
   * As {@link edit}, with what an operator may do alone: also where the owner's key is here.
   * @throws SkepError NO_FLEET, NOT_OPERATOR, NOT_OWNER, FLEET_FULL
   */
  editAsOperator(...edits: Edit[]): Promise<void> {
    return this.#inTurn(async () => {
      this.#refuseOwners(edits, this.#expect().roster)
      await this.#edit(edits)
    })
  }

  /** It ends with what lets its maker invite. @throws SkepError NO_FLEET, NOT_OPERATOR, INVITES_FULL */
  addInvite(invite: OpenInvite): Promise<void> {
    return this.#inTurn(async () => {
      const { roster } = this.#expect()
      this.#expectOperator()
      if (!this.#mayEdit(roster, invite.maker))
        throw fleetError('NOT_OPERATOR', `${invite.maker} is no operator of the fleet any more`)
      const { invites } = this
      if (invites.length >= MAX_INVITES)
        throw fleetError('INVITES_FULL', `there are ${MAX_INVITES} invites already`)
      this.#timeInvite(invite)
      await this.#save({ ...this.#state, invites: [...invites, invite] })
    })
  }

  /** Resolves with how many nobody had used. */
  cancelInvites(): Promise<number> {
    return this.#inTurn(async () => {
      const unused = this.invites.filter(({ usedBy }) => usedBy === undefined)
      await this.#save({ ...this.#state, invites: [] })
      return unused.length
    })
  }

  /**
   * Makes `joiner`, who has proved to have invite `id`, a member. In one write with that the invite is used.
   * @throws SkepError INVITE_REFUSED, FLEET_FULL, NOT_OPERATOR
   */
  welcome(id: string, joiner: string, name: string): Promise<SignedRoster> {
    return this.#inTurn(async () => {
      const { roster } = this.#expect()
      this.#expectOperator()
      const invite = this.invites.find(invite => invite.id === id)
      const judgement = judge(invite, joiner)
      const isMember = roster.members.has(joiner)
      if (!invite || judgement === 'refused' || (judgement === 'again' && !isMember))
        throw fleetError('INVITE_REFUSED', `the invite that ${joiner} has is used up, expired or not known`)
      if (judgement === 'welcome') {
        const used = { ...invite, usedBy: joiner }
        const invites = this.invites.map(each => (each.id === id ? used : each))
        const add: Edit = {
          kind: 'add',
          peer: joiner,
          name: distinctName(invite.name || name, roster),
          joinedMs: this.#deps.wallMs(),
        }
        // Invited anew, say by another name: the invite is used all the same.
        if (isMember) await this.#save({ ...this.#state, invites })
        else await this.#edit([add], invites)
      }
      return this.#expect()
    })
  }

  /** Forgets the fleet, and the invites to it. */
  leave(): Promise<void> {
    return this.#inTurn(async () => {
      this.#expect()
      await this.#save(NO_FLEET)
    })
  }

  #mayEdit(roster: Roster, peer = this.self): boolean {
    const isOwner = peer === this.self && this.#signersOf(roster).owner !== undefined
    return isOwner || roleOf(roster, peer) === 'operator'
  }

  #timeInvite(invite: OpenInvite): void {
    const { nowMs, wallMs } = this.#deps
    this.#ends.set(invite.id, nowMs() + remainingMs(invite, wallMs()))
  }

  async #edit(edits: readonly Edit[], invites = this.#state.invites): Promise<void> {
    const { roster } = this.#expect()
    this.#expectOperator()
    if (!this.isOwner) this.#refuseOwners(edits, roster)
    // Who is added by hand comes back, even if it was removed once.
    const changing = edits.filter(edit => edit.kind === 'add' || isOpen(roster, edit))
    if (changing.length === 0) return
    const first = this.#countOf(roster) + 1
    const kept = changing.map((edit, at) => ({ count: first + at, edit }))
    await this.#save({
      signed: this.#sign(changing, first + changing.length - 1),
      edits: [...this.#state.edits, ...kept].slice(-MAX_KEPT_EDITS),
      invites,
    })
  }

  #refuseOwners(edits: readonly Edit[], roster: Roster): void {
    const owners = edits.find(edit => needsOwner(roster, edit))
    if (!owners) return
    throw fleetError(
      'NOT_OWNER',
      `only the owner can ${owners.kind} ${owners.peer}, an operator or one to be`,
    )
  }

  #sign(edits: readonly Edit[], count: number, from = this.#expect()): SignedRoster {
    // The board with the owner's key is an operator: its edits are counted, and it can't be left out.
    const joins: Edit[] =
      this.isOwner && roleOf(from.roster, this.self) === 'member'
        ? [{ kind: 'delegate', peer: this.self }]
        : []
    const roster = edited(from.roster, [...joins, ...edits], this.self, count)
    const { charter, members } = roster
    if (members.size > MAX_MEMBERS)
      throw fleetError('FLEET_FULL', `fleet '${charter.name}' has ${MAX_MEMBERS} members already`)
    if (charter.operators.length > MAX_OPERATORS)
      throw fleetError('FLEET_FULL', `fleet '${charter.name}' has ${MAX_OPERATORS} operators already`)
    return signRoster(roster, this.#signersOf(from.roster), from)
  }

  /** The owner's key counts for its own fleet alone. */
  #signersOf({ charter }: Roster): Signers {
    const { self, owner } = this.#signers
    return { self, owner: owner?.id === charter.owner ? owner : undefined }
  }

  /** `newer`, or one made from it with what was edited here and isn't in it. */
  #again(newer: SignedRoster): SignedRoster {
    if (!this.#mayEdit(newer.roster)) return newer
    const lost = this.#lostIn(newer.roster)
    if (lost.length === 0) return newer
    try {
      return this.#sign(lost, this.#countOf(newer.roster), newer)
    } catch {
      // There is no room for it any more: the newer one counts as it is.
      return newer
    }
  }

  /** Edits made here that aren't in `roster` and would change it, each on top of those before: one may take another back. */
  #lostIn(roster: Roster): Edit[] {
    const { charter, removed } = roster
    const lost: Edit[] = []
    let after = roster
    for (const { count, edit } of this.#state.edits) {
      const isOwners = needsOwner(after, edit)
      const known = (isOwners ? charter : roster).edits.get(this.self) ?? 0
      // Whom this node removed it may have added again; whom others did stays out.
      if (count <= known || (isOwners && !this.isOwner) || !isOpen({ ...after, removed }, edit)) continue
      lost.push(edit)
      after = edited(after, [edit], this.self, count)
    }
    return lost
  }

  /** How many edits were made here. After a restore of old data the roster knows better. */
  #countOf({ charter, edits }: Roster): number {
    const kept = this.#state.edits.at(-1)?.count ?? 0
    const known = edits.get(this.self) ?? 0
    const signed = Math.max(kept, charter.edits.get(this.self) ?? 0)
    return known - signed > MAX_MISSED_EDITS ? signed : Math.max(signed, known)
  }

  #expect(): SignedRoster {
    if (!this.#state.signed) throw fleetError('NO_FLEET', 'this node is in no fleet')
    return this.#state.signed
  }

  #expectOperator(): void {
    if (!this.canEdit)
      throw fleetError('NOT_OPERATOR', `this node, ${this.self}, is no operator of its fleet`)
  }

  async #save({ signed, edits, invites }: State): Promise<void> {
    const { store } = this.#deps
    // For good: who is named an operator once more begins anew.
    const isEditor = (peer?: string): boolean => signed !== undefined && this.#mayEdit(signed.roster, peer)
    const next = {
      signed,
      edits: isEditor() ? edits : [],
      invites: invites.filter(({ maker }) => isEditor(maker)),
    }
    const bucket = store.bucket(BUCKET)
    const bytes = encodeStored({ ...next, roster: next.signed?.bytes ?? new Uint8Array() })
    await store.write(batch => {
      if (next.signed) batch.put(bucket, KEY, bytes)
      else batch.delete(bucket, KEY)
    })
    const before = this.#state
    this.#state = next
    for (const id of this.#ends.keys())
      if (!next.invites.some(invite => invite.id === id)) this.#ends.delete(id)
    if (before.signed !== next.signed) this.onChange({ before: before.signed?.roster, after: this.roster })
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(change)
    this.#last = turn.catch(() => {})
    return turn
  }
}

function readState(bytes: Uint8Array): State {
  try {
    const { roster, edits, invites } = decodeStored(bytes)
    return { signed: readRoster(roster), edits, invites }
  } catch (cause) {
    throw fleetError('FLEET_UNREADABLE', `what was kept of the fleet cannot be read: ${messageOf(cause)}`, {
      cause,
    })
  }
}
