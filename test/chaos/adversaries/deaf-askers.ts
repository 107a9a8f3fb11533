import { setTimeout as wait } from 'node:timers/promises'
import { line } from '../../helpers/raw/bytes.ts'
import type { RawStream } from '../../helpers/raw/yamux.ts'
import type { Attack } from './attack.ts'
import { rawOffender } from './raw-offender.ts'

const FLOOD_MS = 2000
const STREAMS = 32
const PIECE_BYTES = 64 * 1024
const ECHO_PIECES = 3

export const attack: Attack = {
  name: 'deaf askers',
  what: `Asks on ${STREAMS} streams for what is answered at once, echoes and unknown protocols, and takes no answer`,
  limit:
    '8 KiB a second of echoes a peer, 512 KiB that wait; what connections hold in memory, counted for each',
  result: 'They wait, within what one connection may hold; others are served meanwhile',
  verdict: { harmless: true },
  async run(arena) {
    const nothing = line('/nothing')
    const unknown = Buffer.concat(
      Array.from({ length: Math.floor(PIECE_BYTES / nothing.length) }, () => nothing),
    )
    const noise = new Uint8Array(PIECE_BYTES)
    const endMs = performance.now() + FLOOD_MS
    const flood = async (stream: RawStream, piece: Uint8Array): Promise<void> => {
      while (performance.now() < endMs && !stream.isGone) {
        await Promise.race([stream.room(piece.byteLength), wait(endMs - performance.now())])
        if (performance.now() > endMs) return
        stream.send(piece)
        await wait(1)
      }
    }
    const { muxer } = await rawOffender(arena)
    const echoes = [muxer.open(), muxer.open()]
    // As much as may wait, and no more: what comes beyond is another attack.
    for (const echo of echoes) {
      await echo.speak('/ipfs/ping/1.0.0')
      for (let pieces = 0; pieces < ECHO_PIECES; pieces++) echo.send(noise)
    }
    const streams = Array.from({ length: STREAMS }, () => muxer.open())
    for (const stream of streams) stream.send(line('/multistream/1.0.0'))
    await Promise.all([
      ...streams.map(stream => flood(stream, unknown)),
      wait(100).then(() => muxer.wire.stall()),
    ])
  },
}
