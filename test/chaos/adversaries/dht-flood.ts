import { randomBytes } from 'node:crypto'
import { KadMessage } from '../../../plugins/routing/wire/kad.js'
import type { Attack } from './attack.ts'
import { rawOffender } from './raw-offender.ts'

const KAD = '/skep/kad/1.0.0'
const FLOOD_MS = 2000
/** GET_VALUE, GET_PROVIDERS, FIND_NODE. https://github.com/libp2p/specs/blob/master/kad-dht/README.md#rpc-messages */
const QUESTIONS = [1, 3, 4]
const STREAMS = 32
/** Beside its key: what no question has, and is to be read all the same. */
const PADDING = { id: new Uint8Array(512), multiaddrs: [] }
/** 8 KiB a second, and 64 KiB at once, in questions of some 560 bytes. */
const PER_SECOND = 15
const BURST = 120

export const attack: Attack = {
  name: 'DHT flood',
  what: 'Asks a node of the DHT for values, providers and the nearest peers, on all the streams that it may have, without a pause',
  limit: '32 streams a peer, 8 KiB of questions a second',
  result: 'Slowed; others are answered meanwhile',
  verdict: { harmless: true },
  async run(arena) {
    const { muxer } = await rawOffender(arena)
    const startMs = performance.now()
    const endMs = startMs + FLOOD_MS
    let asked = 0
    let answered = 0
    const flood = async (): Promise<void> => {
      while (performance.now() < endMs && !muxer.wire.isGone) {
        const stream = muxer.open()
        try {
          await stream.speak(KAD)
          while (performance.now() < endMs) {
            const key = Uint8Array.of(0x12, 32, ...randomBytes(32))
            const type = QUESTIONS[asked++ % QUESTIONS.length] as number
            const message = KadMessage.encode({ type, key, providers: [PADDING] })
            await stream.room(message.byteLength + 4)
            stream.say(message)
            await stream.takeMessage()
            answered++
          }
        } catch {
          await new Promise(setImmediate)
        }
        stream.reset()
      }
    }
    await Promise.all(Array.from({ length: STREAMS }, flood))
    if (answered === 0) throw new Error('it has no DHT')
    const allowed = BURST + PER_SECOND * ((performance.now() - startMs) / 1000 + 1)
    if (answered > allowed) throw new Error(`${answered} questions were answered, ${allowed} may be`)
  },
}
