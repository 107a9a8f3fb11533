import { setTimeout as wait } from 'node:timers/promises'
import { line } from '../../helpers/raw/bytes.ts'
import type { Attack } from './attack.ts'
import { rawOffender } from './raw-offender.ts'

const FLOOD_MS = 2000
const STREAMS = 32
/** A stream is let go after so long, and another one opened: some 200 a second, which a peer may. */
const STREAM_MS = 150
/** Of a negotiation 64 lines are read. */
const QUESTIONS = 60
const PIECE_BYTES = 64 * 1024
const ECHO_PIECES = 3
/** Half of what all connections may hold together: `memory.transferBytes` of the profile pi-zero. */
const MAX_HELD_BYTES = 8 * 1024 * 1024

export const attack: Attack = {
  name: 'deaf askers',
  what: `Asks for echoes, and on ${STREAMS} streams at a time again and again for all protocols that there are, and takes no answer`,
  limit:
    '8 KiB a second of echoes a peer, 512 KiB that wait; what connections hold in memory, counted for each; 64 lines a negotiation',
  result: 'They wait, within what one connection may hold; others are served meanwhile',
  verdict: { harmless: true },
  async run(arena) {
    const noise = new Uint8Array(PIECE_BYTES)
    const questions = Buffer.concat([
      line('/multistream/1.0.0'),
      ...Array.from({ length: QUESTIONS }, () => line('ls')),
    ])
    const { muxer } = await rawOffender(arena)
    const echoes = [muxer.open(), muxer.open()]
    // As much as may wait, and no more: what comes beyond is another attack.
    for (const echo of echoes) {
      await echo.speak('/ipfs/ping/1.0.0')
      for (let pieces = 0; pieces < ECHO_PIECES; pieces++) echo.send(noise)
    }
    muxer.wire.stall()
    const endMs = performance.now() + FLOOD_MS
    const ask = async (): Promise<void> => {
      while (performance.now() < endMs) {
        const stream = muxer.open()
        stream.send(questions)
        await wait(STREAM_MS)
        stream.reset()
      }
    }
    await Promise.all(Array.from({ length: STREAMS }, ask))
    const held = (await arena.victim.metrics()).get('skep_network_held_bytes') ?? Number.NaN
    if (!(held <= MAX_HELD_BYTES)) throw new Error(`${held} bytes are held, ${MAX_HELD_BYTES} may be`)
  },
}
