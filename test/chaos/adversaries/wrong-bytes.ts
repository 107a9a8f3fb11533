import { PROTOCOL } from '../../../plugins/exchange/wire/codec.ts'
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
    const corrupter = await peer()
    await corrupter.port.handle(PROTOCOL, liar(blocks))
    const fetched = Promise.all(blocks.map(({ cid }) => victim.cat(String(cid), signal)))
    // What fails before tells more.
    fetched.catch(() => {})
    const id = corrupter.port.self.toString()
    const { evidence } = await eventually('the ban', async () => {
      const report = await victim.why(id)
      return report.ban && report
    })
    const times = evidence.find(({ kind }) => kind === 'invalid-block')?.times ?? 0
    if (times > MAX_BAD_BLOCKS) throw new Error(`banned after ${times} bad blocks`)
    await honest.offer(blocks)
    if (!areContents(await fetched, blocks)) throw new Error('the wrong bytes were taken')
  },
}
