import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { FastifyInstance } from 'fastify'
import { messageOf } from '../../errors.ts'
import { readTarget } from '../../network/block-target.ts'
import type { Block } from '../../network/blocklist.ts'
import type { PeerUsage } from '../../network/peer-quota.ts'
import { wholeMultiaddr } from '../../network/whole-address.ts'
import { stateError } from '../../state/errors.ts'
import { peerNamed } from '../../state/peer-name.ts'
import type { PeerSummary } from '../../state/peer-state.ts'
import { answerWithEvents } from '../answers.ts'
import { controlError } from '../errors.ts'
import type { CoreServices } from './services.ts'

const TEXT = { type: 'string', minLength: 1, maxLength: 1024 } as const

function objectOf(properties: object, required: readonly string[]) {
  return { type: 'object', additionalProperties: false, required, properties } as const
}

const CONNECT_SCHEMA = { body: objectOf({ address: TEXT }, ['address']) }
const PEER_BODY_SCHEMA = { body: objectOf({ peer: TEXT }, ['peer']) }
const PEER_QUERY_SCHEMA = { querystring: objectOf({ peer: TEXT }, ['peer']) }
const TAG_SCHEMA = {
  body: objectOf({ peer: TEXT, name: TEXT, value: { type: 'number' } }, ['peer', 'name', 'value']),
}
const UNTAG_SCHEMA = { querystring: objectOf({ peer: TEXT, name: TEXT }, ['peer']) }
const BLOCK_SCHEMA = {
  body: objectOf({ target: TEXT, expiresInMs: { type: 'integer', minimum: 1 }, reason: TEXT }, ['target']),
}
const UNBLOCK_SCHEMA = { querystring: objectOf({ target: TEXT }, ['target']) }

/** Who calls back sooner than that can be forgotten does so every time. */
const MAX_HANG_UPS = 5

/** All there is to tell of one peer. Plain JSON. */
export interface PeerDetails extends PeerSummary {
  /** What it has asked of this node lately. */
  readonly usage: PeerUsage
  readonly worth: {
    readonly total: number
    /** By who says so and why. */
    readonly reasons: Readonly<Record<string, number>>
  }
  readonly connections: readonly PeerConnection[]
  /** What keeps it out, where something does. */
  readonly blockedBy?: Block
}

export interface PeerConnection {
  readonly direction: 'inbound' | 'outbound'
  readonly address: string
  readonly isRelayed: boolean
  readonly streams: number
  /** Wall clock. */
  readonly openedMs: number
}

type Services = Pick<CoreServices, 'network' | 'blocklist' | 'peers'>

export function peerRoutes({ network, blocklist, peers }: Services) {
  const named = (name: string): PeerId => {
    const known = peers.list().map(({ peer }) => peer)
    const peer = peerNamed(name, known)
    if (peer.equals(network.self)) throw isSelf(peer)
    return peer
  }

  /** A multiaddr, or the id of a peer whose addresses are known. */
  const target = (text: string): PeerId | Multiaddr => {
    const where = text.startsWith('/') ? addressOf(text) : peerToDial(text, named)
    if (network.self.equals(peerAt(where))) throw isSelf(network.self)
    return where
  }

  /** One that comes back before it is forgotten is hung up on again. */
  const forget = async (peer: PeerId, signal: AbortSignal): Promise<void> => {
    for (let attempt = 0; attempt < MAX_HANG_UPS; attempt++) {
      await network.forget(peer, { signal })
      if (peers.forget(peer) || !peers.get(peer)) return
    }
    throw stateError('PEER_RETURNS', `${peer} is not forgotten: it connects again whenever it is hung up on`)
  }

  const detailsOf = (peer: PeerId, summary: PeerSummary): PeerDetails => {
    const reasons = network.worthOf(peer)
    const blockedBy = blocklist.isBlocked({ peer })
    return {
      ...summary,
      usage: network.usageOf(peer),
      worth: { total: Object.values(reasons).reduce((sum, worth) => sum + worth, 0), reasons },
      connections: network.connections(peer).map(({ direction, remoteAddr, direct, streams, timeline }) => ({
        direction,
        address: remoteAddr.toString(),
        isRelayed: !direct,
        streams: streams.length,
        openedMs: timeline.open,
      })),
      ...(blockedBy && { blockedBy }),
    }
  }

  return (app: FastifyInstance): void => {
    app.get('/peers', { config: { scope: 'read' } }, async () => peers.list())

    app.post<{ Body: { address: string } }>(
      '/peers',
      { config: { scope: 'peers' }, schema: CONNECT_SCHEMA },
      async (request, reply) =>
        answerWithEvents(request, reply, async () => {
          const options = { signal: request.cancelled }
          const where = target(request.body.address)
          const open = new Set(network.connections().map(({ id }) => id))
          const { id, remotePeer, remoteAddr } = await network.dial(where, options)
          const wasConnected = open.has(id)
          // Then nothing was dialed: nobody knows who is there.
          peers.found(remotePeer, 'manual', wasConnected || 'toMultihash' in where ? [] : [where])
          // Connected is connected: a peer that doesn't answer to pings is no failure of this.
          const latencyMs = await network.ping(remotePeer, options).catch(() => undefined)
          return { peer: remotePeer.toString(), address: remoteAddr.toString(), latencyMs, wasConnected }
        }),
    )

    app.delete<{ Querystring: { peer: string } }>(
      '/peers',
      { config: { scope: 'peers' }, schema: PEER_QUERY_SCHEMA },
      async (request, reply) =>
        answerWithEvents(request, reply, async () => {
          const peer = named(request.query.peer)
          const isKnown = peers.get(peer) !== undefined
          await forget(peer, request.cancelled)
          if (!isKnown) throw unknown(peer)
          return { peer: peer.toString() }
        }),
    )

    app.get<{ Querystring: { peer: string } }>(
      '/peers/show',
      { config: { scope: 'read' }, schema: PEER_QUERY_SCHEMA },
      async request => {
        const peer = named(request.query.peer)
        const summary = peers.get(peer)
        if (!summary) throw unknown(peer)
        return detailsOf(peer, summary)
      },
    )

    app.post<{ Body: { peer: string } }>(
      '/peers/disconnect',
      { config: { scope: 'peers' }, schema: PEER_BODY_SCHEMA },
      async (request, reply) =>
        answerWithEvents(request, reply, async () => {
          const peer = named(request.body.peer)
          const connections = network.connections(peer).length
          await network.hangUp(peer, { signal: request.cancelled })
          return { peer: peer.toString(), connections }
        }),
    )

    app.post<{ Body: { peer: string; name: string; value: number } }>(
      '/peers/tags',
      { config: { scope: 'peers' }, schema: TAG_SCHEMA },
      async (request, reply) =>
        answerWithEvents(request, reply, async () => {
          const { peer: text, name, value } = request.body
          const peer = named(text)
          await peers.tag(peer, name, value)
          return { peer: peer.toString(), tags: peers.get(peer)?.tags ?? {} }
        }),
    )

    app.delete<{ Querystring: { peer: string; name?: string } }>(
      '/peers/tags',
      { config: { scope: 'peers' }, schema: UNTAG_SCHEMA },
      async (request, reply) =>
        answerWithEvents(request, reply, async () => {
          const peer = named(request.query.peer)
          const { name } = request.query
          const removed = await peers.untag(peer, name)
          return { peer: peer.toString(), removed, tags: peers.get(peer)?.tags ?? {} }
        }),
    )

    app.get('/peers/blocks', { config: { scope: 'read' } }, async () => blocklist.list())

    app.post<{ Body: { target: string; expiresInMs?: number; reason?: string } }>(
      '/peers/blocks',
      { config: { scope: 'peers' }, schema: BLOCK_SCHEMA },
      async (request, reply) =>
        answerWithEvents(request, reply, async () => {
          const { target, ...options } = request.body
          return blocklist.block(blockTarget(target, named), options)
        }),
    )

    app.delete<{ Querystring: { target: string } }>(
      '/peers/blocks',
      { config: { scope: 'peers' }, schema: UNBLOCK_SCHEMA },
      async (request, reply) =>
        answerWithEvents(request, reply, async () => {
          const target = blockTarget(request.query.target, named)
          return { target, unblocked: await blocklist.unblock(target) }
        }),
    )
  }
}

function unknown(peer: PeerId): Error {
  return stateError('PEER_UNKNOWN', `the node knows nothing of ${peer}`)
}

/** An address or a network goes to the block list as it is; else it is a peer id, or a part of one. */
function blockTarget(text: string, named: (name: string) => PeerId): string {
  const target = readTarget(text)
  if (target) return target.kind === 'peer' ? named(text).toString() : text
  try {
    return named(text).toString()
  } catch {
    // The block list tells what it expects.
    return text
  }
}

function isSelf(peer: PeerId): Error {
  return controlError('PEER_IS_SELF', `${peer} is this node itself, expected another peer`)
}

/** Whom a dial is for, where it says so. */
function peerAt(where: PeerId | Multiaddr): string | undefined {
  if ('toMultihash' in where) return where.toString()
  const { name, value } = where.getComponents().at(-1) ?? {}
  return name === 'p2p' ? value : undefined
}

function addressOf(address: string): Multiaddr {
  try {
    return wholeMultiaddr(address)
  } catch (error) {
    throw noAddress(address, ` (${messageOf(error)})`, error)
  }
}

function peerToDial(address: string, named: (name: string) => PeerId): PeerId {
  try {
    return peerIdFromString(address)
  } catch (cause) {
    try {
      return named(address)
    } catch {
      // Of a peer id the library tells how it is decoded, which is of no help.
      throw noAddress(address, '', cause)
    }
  }
}

function noAddress(address: string, reason: string, cause: unknown): Error {
  return controlError(
    'ADDRESS_INVALID',
    `${address} is no address${reason}; expected one like /ip4/192.0.2.1/tcp/4001/p2p/12D3KooW…, or a peer id like 12D3KooW…`,
    { cause },
  )
}
