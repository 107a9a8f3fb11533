import { line } from '../../helpers/raw/bytes.ts'
import type { RawStream } from '../../helpers/raw/yamux.ts'
import type { Attack } from './attack.ts'
import { rawOffender, untilEnd, within } from './raw-offender.ts'

const SOON_MS = 3000
const STREAMS = 500
/** `MAX_PEER_STREAMS` of core/network/peer-quota.ts. */
const MAX_STREAMS = 128

export const attack: Attack = {
  name: 'endless streams',
  what: `Opens ${STREAMS} streams, says no more than a greeting on each, and closes none`,
  limit: `${MAX_STREAMS} streams a peer, ten seconds to agree on a protocol`,
  result: 'The rest is reset, and charged as overload; what stays is reset when its time is over',
  verdict: { charged: 'overload', banned: false },
  async run(arena) {
    const { muxer } = await rawOffender(arena)
    const streams: RawStream[] = []
    let reset = 0
    for (let opened = 0; opened < STREAMS; opened++) {
      const stream = muxer.open()
      stream.send(line('/multistream/1.0.0'))
      void stream.gone.then(() => reset++)
      streams.push(stream)
    }
    const late = streams.slice(MAX_STREAMS).map(({ gone }) => gone)
    await within('all beyond the limit are reset', SOON_MS, Promise.all(late))
    if (reset < STREAMS - MAX_STREAMS) throw new Error(`only ${reset} were reset`)
    await untilEnd(arena, 'what stays is reset', Promise.all(streams.map(({ gone }) => gone)))
  },
}
