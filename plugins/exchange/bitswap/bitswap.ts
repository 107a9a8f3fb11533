import { setTimeout as wait } from 'node:timers/promises'
import type { PeerId } from '@libp2p/interface'
import { CID } from 'multiformats/cid'
import { decode as decodeDigest } from 'multiformats/hashes/digest'
import {
  type Channel,
  discard,
  isSkepError,
  type Lease,
  type MemoryBudget,
  messageOf,
  type NetworkPort,
  type Peers,
  type WaitOptions,
} from '../../../core/api.ts'
import { exchangeError } from '../errors.ts'
import type { LinkKind } from '../requester/link.ts'
import type { Asker, ServeHost } from '../server/serving.ts'
import type { Tally } from '../tally.ts'
import { BITSWAP, decodeBitswap } from '../wire/bitswap-codec.ts'
import { Intake } from './intake.ts'
import { Ledger } from './ledger.ts'
import { BitswapLink } from './link.ts'
import { Outbound } from './outbound.ts'

/** Any codec does: what is held goes by its hash. */
const RAW = 0x55

/** Messages being received, four of the largest; of small budgets a share. */
const MAX_INTAKE_BYTES = 4 * BITSWAP.maxMessageBytes
const MAX_BUDGET_SHARE = 8

/** Of these, what peers may take that were asked for nothing: who sends slowly there keeps no block out. */
const UNASKED_SHARE = 4

/** What a peer may say in one message that was asked for nothing: a want list of a thousand entries takes half of it. */
const MAX_UNASKED_BYTES = 128 * 1024

/** How long a message may take from its first byte to its last. */
const RECEIVE_TIMEOUT_MS = 60_000

export interface BitswapDependencies {
  /** Where streams are opened and handled. */
  readonly network: Pick<NetworkPort, 'open' | 'handle'>
  readonly connections: NetworkPort['connections']
  readonly server: ServeHost & { join(asker: Asker): () => void }
  readonly bandwidth: { meters(peer: PeerId): boolean }
  readonly memory: Pick<MemoryBudget, 'lease' | 'limitBytes'>
  readonly peers: Pick<Peers, 'report'>
  readonly tally: Tally
}

interface ServedPeer {
  readonly ledger: Ledger
  readonly outbound: Outbound
  leave(): void
}

/**
 * Bitswap 1.2 with every peer that speaks it. Peers answer on streams of their own, so all that comes in comes through here:
 * want lists go to the peer's ledger, blocks and presences to the link by which it was asked.
 */
export class Bitswap {
  readonly #deps: BitswapDependencies
  readonly #intakeBytes: number
  /** For messages of peers that may be sending us blocks. */
  readonly #answers: Intake
  /** For those of others. */
  readonly #questions: Intake
  readonly #links = new Map<string, { readonly link: BitswapLink; readonly outbound: Outbound }>()
  readonly #served = new Map<string, ServedPeer>()
  #lease: Lease | undefined
  #stopped = false

  constructor(deps: BitswapDependencies) {
    this.#deps = deps
    const shareBytes = Math.floor(deps.memory.limitBytes / MAX_BUDGET_SHARE)
    this.#intakeBytes = Math.min(MAX_INTAKE_BYTES, Math.max(shareBytes, BITSWAP.maxMessageBytes))
    const questionBytes = this.#intakeBytes / UNASKED_SHARE
    this.#questions = new Intake(questionBytes)
    this.#answers = new Intake(this.#intakeBytes - questionBytes)
  }

  /** Peers that are asked by Bitswap. */
  get links(): number {
    return this.#links.size
  }

  /** Peers that asked by Bitswap. */
  get requesters(): number {
    return this.#served.size
  }

  /** Makes the links to peers that speak Bitswap. */
  get linkKind(): LinkKind {
    const { server } = this.#deps
    return {
      protocol: BITSWAP.id,
      link: (peer, options, dependencies) => {
        const id = peer.toString()
        const outbound = this.#outbound(peer)
        const link = new BitswapLink(peer, options, {
          ...dependencies,
          outbound,
          unasked: () => this.#unasked(peer),
          holds: hash => server.sizeOf(CID.createV1(RAW, decodeDigest(hash))) !== undefined,
          dropped: dropped => {
            if (this.#links.get(id)?.link === dropped) this.#links.delete(id)
          },
        })
        this.#links.get(id)?.outbound.stop()
        this.#links.set(id, { link, outbound })
        return link
      },
    }
  }

  /** Takes memory and serves. */
  async start({ signal }: WaitOptions): Promise<void> {
    this.#lease = await this.#deps.memory.lease(this.#intakeBytes, { signal })
    await this.#deps.network.handle(BITSWAP, channel => this.#read(channel))
  }

  /** Forgets what `peer` wanted and owed. */
  disconnected(peer: PeerId): void {
    this.#forget(peer.toString())
  }

  /** Idempotent. */
  stop(): void {
    this.#stopped = true
    for (const { ledger } of [...this.#served.values()]) this.#forget(ledger.peer)
    for (const id of [...this.#links.keys()]) this.#forget(id)
    this.#lease?.release()
    this.#lease = undefined
  }

  #forget(id: string): void {
    this.#links.get(id)?.outbound.stop()
    this.#links.delete(id)
    const served = this.#served.get(id)
    if (!served) return
    this.#served.delete(id)
    served.outbound.stop()
    served.ledger.end()
    served.leave()
  }

  /** Reads one stream of a peer to its end. */
  async #read(channel: Channel): Promise<void> {
    try {
      while (await this.#readOne(channel));
    } catch (error) {
      if (isSkepError(error, 'PROTOCOL_VIOLATION')) this.#charge(channel, messageOf(error))
      throw error
    }
  }

  async #readOne(channel: Channel): Promise<boolean> {
    const { server } = this.#deps
    const id = channel.peer.toString()
    let giveBack: (() => void) | undefined
    let late: NodeJS.Timeout | undefined
    const admit = async (bytes: number): Promise<void> => {
      const isAsked = this.#links.get(id)?.link.expectsBlocks ?? false
      if (bytes > MAX_UNASKED_BYTES && !isAsked) {
        this.#unasked(channel.peer)
        throw exchangeError('STREAM_DROPPED', `${id} sent a message of ${bytes} bytes and owes nothing`)
      }
      // Before it is read: who asks too much on one stream may open ever new ones.
      for (let delayMs = server.delayMs(id); delayMs > 0; delayMs = server.delayMs(id))
        await wait(delayMs, undefined, { signal: channel.signal, ref: false })
      const intake = isAsked ? this.#answers : this.#questions
      await intake.take(id, bytes, channel.signal)
      giveBack = () => intake.give(id, bytes)
      late = setTimeout(
        () => channel.abort(exchangeError('STREAM_DROPPED', `${id} sends too slowly`)),
        RECEIVE_TIMEOUT_MS,
      ).unref()
    }
    let room: Promise<void> | undefined
    try {
      const bytes = await channel.read({ admit })
      if (!bytes) return false
      room = this.#take(channel.peer, bytes)
    } finally {
      clearTimeout(late)
      giveBack?.()
    }
    await room
    return true
  }

  /** Takes a message. What it returns is to be waited for before the next is read. */
  #take(peer: PeerId, bytes: Uint8Array): Promise<void> | undefined {
    const { entries, full, blocks, presences } = decodeBitswap(bytes)
    if (blocks.length + presences.length > 0) {
      const link = this.#links.get(peer.toString())?.link
      if (link) link.receive({ blocks, presences })
      else if (blocks.length > 0) this.#unasked(peer)
    }
    discard(bytes)
    return entries.length > 0 || full ? this.#serve(peer)?.take({ entries, full }) : undefined
  }

  /** Its ledger; undefined where the peer has gone. */
  #serve(peer: PeerId): Ledger | undefined {
    const id = peer.toString()
    const { bandwidth, connections, server } = this.#deps
    const known = this.#served.get(id)
    if (known || this.#stopped || connections(peer).length === 0) return known?.ledger
    const outbound = this.#outbound(peer)
    const ledger = new Ledger({ isMetered: bandwidth.meters(peer) }, { peer, outbound, host: server })
    this.#served.set(id, { ledger, outbound, leave: server.join(ledger) })
    return ledger
  }

  #outbound(peer: PeerId): Outbound {
    const { network, connections } = this.#deps
    return new Outbound(peer, { network: { open: network.open, connections } })
  }

  #unasked(peer: PeerId): void {
    const { peers, tally } = this.#deps
    tally.unasked()
    peers.report(peer, 'overload', `${BITSWAP.id}: sent a block that nobody asked it for`)
  }

  #charge({ peer }: Channel, reason: string): void {
    const { peers, tally } = this.#deps
    tally.violated('requester')
    peers.report(peer, 'protocol-violation', `${BITSWAP.id}: ${reason}`)
  }
}
