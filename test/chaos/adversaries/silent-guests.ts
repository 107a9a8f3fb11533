import { generateKeyPair } from '@libp2p/crypto/keys'
import { secure } from '../../helpers/raw/raw-peer.ts'
import { knock } from '../../helpers/raw/wire.ts'
import { startNode } from '../../unit/network/nodes.ts'
import type { Arena } from './arena.ts'
import type { Attack } from './attack.ts'
import { inviteOf, joinBy } from './fleet-of-victim.ts'
import { kept, placeOf, within } from './raw-offender.ts'

const ALPN = 'skep-join/1'
/** Half as many again as may be there at a time: `joining.ts`. */
const GUESTS = 12
/** Before a guest would be shown the door for its silence: ten seconds. */
const SOON_MS = 5000

/** Comes in through the handshake as somebody new, and says nothing. */
async function enterSilently(arena: Arena): Promise<void> {
  const wire = await knock(placeOf(arena))
  kept(arena, await secure(wire, { key: await generateKeyPair('Ed25519'), alpn: [ALPN] }))
}

export const attack: Attack = {
  name: 'silent guests',
  what: `While a board is invited, ${GUESTS} strangers take the places of those who join, and say nothing`,
  limit:
    'Eight guests at a time, ten seconds each; where it is full the oldest goes of those who are not being answered',
  result: 'The bearer of the invite joins meanwhile',
  verdict: { harmless: true },
  async run(arena) {
    const invite = await inviteOf(arena.victim)
    const board = await startNode({ teardown: arena.teardown })
    for (let guests = 0; guests < GUESTS; guests++) await enterSilently(arena)
    await within('the bearer joins', SOON_MS, joinBy(invite, board))
  },
}
