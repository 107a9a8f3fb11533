import { setTimeout as wait } from 'node:timers/promises'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { encodeRequest, MAX_BATCH, Mode, PROTOCOL } from '../../../plugins/exchange/wire/codec.ts'
import { eventually } from '../../helpers/eventually.ts'
import { framed } from '../../helpers/raw/bytes.ts'
import { RawMplex } from '../../helpers/raw/mplex.ts'
import { knockForTls, secure } from '../../helpers/raw/raw-peer.ts'
import { randomBlocks, type TestBlock } from '../../unit/exchange/fixture.ts'
import type { Arena } from './arena.ts'
import type { Attack } from './attack.ts'
import { kept, placeOf, within } from './raw-offender.ts'

const MPLEX = '/mplex/6.7.0'
const SOON_MS = 10_000
const BLOCK_BYTES = 1024 * 1024
/** Inbound ones of a peer: the exchange's row of the protocol table. */
const STREAMS = 4
/** What each of them is sent: less than 4 MiB, above which it is reset, and together more than a connection may hold. */
const STREAM_BYTES = 3 * 1024 * 1024

async function connectMplex(arena: Arena): Promise<RawMplex & { readonly id: string }> {
  const key = await generateKeyPair('Ed25519')
  const wire = kept(arena, await secure(await knockForTls(placeOf(arena)), { key, alpn: [MPLEX, 'libp2p'] }))
  return Object.assign(new RawMplex(wire), { id: peerIdFromPrivateKey(key).toString() })
}

export const attack: Attack = {
  name: 'mplex floods',
  what: 'Over the muxer that knows no flow control: goes on asking though it takes no answer, and opens and resets streams without a pause',
  limit: '4 MiB unread a stream, half of `memory.transferBytes` a connection; 50 new streams a second',
  result: 'The connections are cut; the one that holds memory is charged as overload',
  verdict: { charged: 'overload', banned: false },
  async run(arena) {
    const [block] = randomBlocks(1, BLOCK_BYTES) as [TestBlock]
    await arena.honest.offer([block])
    await arena.victim.pin(String(block.cid))
    // Asks for more than it takes, so that its further questions aren't read, and goes on asking.
    const deaf = await connectMplex(arena)
    arena.offender(deaf.id)
    deaf.wire.stall()
    for (let at = 0; at < STREAMS; at++) {
      const stream = deaf.open()
      deaf.ask(stream, PROTOCOL.id)
      for (let sent = 0, id = 1; sent < STREAM_BYTES; ) {
        const wants = Array.from({ length: MAX_BATCH }, () => {
          return { id: id++, cid: block.cid, mode: Mode.BLOCK, sizeHint: BLOCK_BYTES }
        })
        const message = framed(encodeRequest({ wants, cancels: [] }))
        deaf.send(stream, message)
        sent += message.length
      }
    }
    await Promise.race([deaf.wire.drained(), wait(SOON_MS)])
    const charged = eventually(
      'its charge',
      async () =>
        (await arena.victim.why(deaf.id)).evidence.some(({ kind }) => kind === 'overload') || undefined,
    )
    await within('who has too much wait unread is charged', SOON_MS, charged)
    deaf.wire.stream.resume()
    await within('and cut off', SOON_MS, deaf.gone)

    const opener = await connectMplex(arena)
    for (let opened = 0; opened < 2000; opened++) opener.reset(opener.open())
    await within('who opens streams all the time is cut off', SOON_MS, opener.gone)
  },
}
