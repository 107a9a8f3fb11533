import { setTimeout as wait } from 'node:timers/promises'
import { peerIdFromString } from '@libp2p/peer-id'
import { newSeed, parseInvite, prove, signerOf } from '../../../core/fleet/invite.ts'
import { keyOf } from '../../../core/fleet/keys.ts'
import { JoinRequest, JoinResponse } from '../../../core/fleet/wire/fleet.js'
import { PipeChannel } from '../../../core/network/channel.ts'
import { startNode, type TestNode } from '../../unit/network/nodes.ts'
import type { Arena } from './arena.ts'
import type { Attack } from './attack.ts'
import { inviteOf, joinBy } from './fleet-of-victim.ts'

const ALPN = 'skep-join/1'
const IDLE_TIMEOUT_MS = 5000
const KNOCK_GAP_MS = 400

/** Sends `request` to the door for boards that join; resolves with the roster that it was shown, empty for none. */
async function ask(
  { victim, signal }: Arena,
  { port, network }: TestNode,
  request: Uint8Array,
): Promise<Uint8Array> {
  // One host may come three times a second.
  await wait(KNOCK_GAP_MS)
  const place = { host: '127.0.0.1', port: victim.port }
  const { socket, pipe } = await network.doors.knock(ALPN, peerIdFromString(victim.peerId), place, signal)
  const channel = new PipeChannel(
    { protocol: ALPN, maxMessageBytes: 1 << 20, idleTimeoutMs: IDLE_TIMEOUT_MS },
    { peer: port.self, pipe, report() {} },
  )
  try {
    await channel.write(request)
    const answer = await channel.read({ signal })
    return answer ? JoinResponse.decode(answer).roster : new Uint8Array()
  } catch {
    return new Uint8Array()
  } finally {
    socket.destroy()
  }
}

export const attack: Attack = {
  name: 'forged and replayed invites',
  what: 'Joins by an invite that was used, that it guessed, or whose proof it heard from another board; says what is no request',
  limit:
    'An invite works once; its proof names fleet, host and board; 512 bytes a request, eight guests at a time',
  result: 'Refused, and nobody comes in; the real bearer does. What is no request is charged as a violation',
  verdict: { charged: 'protocol-violation', banned: false },
  async run(arena) {
    const { victim } = arena
    const members = async (): Promise<number> =>
      (await victim.client.get<{ fleet?: { members: number } }>('fleet')).fleet?.members ?? 0
    const before = await members()
    const invite = await inviteOf(victim)
    const { owner, host, seed } = parseInvite(invite)
    const board = await startNode({ teardown: arena.teardown })
    const thief = await arena.peer({ connect: false })
    const requestOf = async (joiner: TestNode, { from = seed, at = host } = {}): Promise<Uint8Array> => {
      const signer = await signerOf({ seed: from })
      const proof = prove(signer, { owner, host: at, joiner: joiner.port.self.toString() })
      return JoinRequest.encode({ invite: keyOf(signer.id), name: 'x', proof })
    }
    const forged = {
      'heard from another': await requestOf(board),
      guessed: await requestOf(thief, { from: newSeed() }),
      'for another host': await requestOf(thief, { at: thief.port.self.toString() }),
      noise: new Uint8Array(100).fill(0xff),
      'too long': new Uint8Array(4096),
    }
    for (const [what, request] of Object.entries(forged)) {
      const roster = await ask(arena, thief, request)
      if (roster.byteLength > 0) throw new Error(`let in by a request that is ${what}`)
    }
    if ((await members()) !== before) throw new Error('somebody came in')
    await wait(KNOCK_GAP_MS)
    await joinBy(invite, board)
    if ((await members()) !== before + 1) throw new Error('the bearer did not come in')
    await wait(KNOCK_GAP_MS)
    const again = await joinBy(invite, thief).catch(() => undefined)
    if (again || (await members()) !== before + 1) throw new Error('the invite worked twice')
  },
}
