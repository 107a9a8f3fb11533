import type { ReputationReport } from '../../../core/services/reputation.ts'
import { eventually } from '../../helpers/eventually.ts'
import { areContents, randomBlocks } from '../../unit/exchange/fixture.ts'
import { liar } from '../exchange/liar.ts'
import type { Attack } from './attack.ts'

const BLOCKS = 6
const MAX_BAD_BLOCKS = 3

export const attack: Attack = {
  name: 'wrong bytes',
  what: 'Has all that is asked for, and sends other bytes of the right length',
  limit: `Each block is hashed as it comes: a ban within ${MAX_BAD_BLOCKS} bad ones`,
  result: 'Banned; the content comes from others',
  verdict: { charged: 'invalid-block', banned: true },
  async run({ victim, honest, peer, signal }) {
    const blocks = randomBlocks(BLOCKS, 64 * 1024)
    const corrupter = await peer({ serve: liar(blocks) })
    const id = corrupter.port.self.toString()
    const fetched: Promise<Buffer>[] = []
    let report = await victim.why(id)
    // One after the other: what is asked for with a bad one counts as broken off, and is given up after a few times.
    for (const { cid } of blocks) {
      if (report.ban) break
      const timesBefore = timesOf(report)
      const asked = victim.cat(String(cid), signal)
      asked.catch(() => {})
      fetched.push(asked)
      const tooEarly = asked.then(() => {
        throw new Error('it was fetched from nobody')
      })
      const charged = eventually('a bad block', async () => {
        const now = await victim.why(id)
        return now.ban || timesOf(now) > timesBefore ? now : undefined
      })
      report = await Promise.race([charged, tooEarly])
    }
    if (!report.ban) throw new Error(`not banned after ${timesOf(report)} bad blocks`)
    if (timesOf(report) > MAX_BAD_BLOCKS) throw new Error(`banned after ${timesOf(report)} bad blocks`)
    await honest.offer(blocks)
    if (!areContents(await Promise.all(fetched), blocks.slice(0, fetched.length)))
      throw new Error('the wrong bytes were taken')
  },
}

function timesOf({ evidence }: ReputationReport): number {
  return evidence.find(({ kind }) => kind === 'invalid-block')?.times ?? 0
}
