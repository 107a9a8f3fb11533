import { setTimeout as wait } from 'node:timers/promises'
import type { CID } from 'multiformats/cid'
import { encodeRequest, MAX_BATCH, Mode, PROTOCOL } from '../../../plugins/exchange/wire/codec.ts'
import { framed } from '../../helpers/raw/bytes.ts'
import { randomBlocks } from '../../unit/exchange/fixture.ts'
import type { Attack } from './attack.ts'
import { rawOffender } from './raw-offender.ts'

const FLOOD_MS = 2000
const BLOCK_BYTES = 64 * 1024
const DELAYED = 'skep_network_delayed_requests_total{protocol="/skep/blocks/1.0.0"}'
/** Answers that a window takes, those that wait, and questions that a window takes. */
const MAX_UNANSWERED = 100_000

export const attack: Attack = {
  name: 'want flood',
  what: 'Asks without a pause for blocks that nobody has, and for one block a thousand times, whether they are there and what they are, and reads no answer',
  limit:
    '1,000 messages and 16 MiB a second of a peer, 1,024 answers that wait, 1,024 misses remembered a stream',
  result: 'Made to wait; who reads no answer is asked nothing more',
  verdict: { harmless: true },
  async run(arena) {
    const missing = randomBlocks(MAX_BATCH, 32).map(({ cid }) => cid)
    const held = randomBlocks(1, BLOCK_BYTES)
    await arena.honest.offer(held)
    const [same] = held.map(({ cid }) => cid)
    await arena.victim.pin(String(same))
    const identical = missing.map(() => same as CID)
    /** Resolves with how many wants were sent. */
    const flood = async (cids: readonly CID[], mode: Mode, isDeaf = false): Promise<number> => {
      const { muxer } = await rawOffender(arena)
      const stream = muxer.open()
      await stream.speak(PROTOCOL.id)
      const endMs = performance.now() + FLOOD_MS
      let sent = 0
      let grantedBytes = 0
      while (performance.now() < endMs && !stream.isGone) {
        const wants = cids.map(cid => ({ id: sent++ % 0xffff_ffff, cid, mode, sizeHint: 0 }))
        const request = encodeRequest({ wants, cancels: [] })
        const isTaken = await Promise.race([stream.room(2 * request.byteLength).then(() => true), wait(500)])
        if (isTaken) stream.say(request)
        else sent -= cids.length
        if (isDeaf) continue
        stream.grant(stream.receivedBytes - grantedBytes)
        grantedBytes = stream.receivedBytes
      }
      return sent
    }
    /** The same question again and again: what is only looked for may have any number. */
    const floodDeaf = async (): Promise<number> => {
      const { muxer } = await rawOffender(arena)
      const stream = muxer.open()
      await stream.speak(PROTOCOL.id)
      const wants = missing.map((cid, id) => ({ id, cid, mode: Mode.HAVE, sizeHint: 0 }))
      const request = framed(encodeRequest({ wants, cancels: [] }))
      const endMs = performance.now() + FLOOD_MS
      let sent = 0
      while (performance.now() < endMs && !stream.isGone) {
        const isTaken = await Promise.race([stream.room(request.byteLength).then(() => true), wait(500)])
        if (!isTaken) continue
        stream.send(request)
        sent += missing.length
      }
      return sent
    }
    const unanswered = await floodDeaf()
    if (unanswered > MAX_UNANSWERED)
      throw new Error(`who takes no answer asked for ${unanswered}, ${MAX_UNANSWERED} may be`)
    const delayed = async (): Promise<number> => (await arena.victim.metrics()).get(DELAYED) ?? 0
    const before = await delayed()
    const [hasty] = await Promise.all([
      flood(missing.slice(0, 1), Mode.HAVE),
      flood(missing, Mode.BLOCK),
      flood(identical, Mode.HAVE),
      flood(identical, Mode.BLOCK, true),
    ])
    if ((await delayed()) === before)
      throw new Error(`${hasty} messages in two seconds were not made to wait`)
  },
}
