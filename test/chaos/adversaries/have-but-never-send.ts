import { eventually } from '../../helpers/eventually.ts'
import { areContents, randomBlocks } from '../../unit/exchange/fixture.ts'
import { staller } from '../exchange/staller.ts'
import type { Attack } from './attack.ts'

const BLOCKS = 4

export const attack: Attack = {
  name: 'have but never send',
  what: 'Says that it has all that is asked for, and sends none of it',
  limit: 'What one holder is late with is asked of others; 30 s without a block close its stream',
  result: 'The content comes from others; charged as a timeout, which bans nobody',
  verdict: { charged: 'timeout', banned: false },
  async run({ victim, honest, peer, signal }) {
    const blocks = randomBlocks(BLOCKS, 64 * 1024)
    const hoarder = await peer({ serve: staller(blocks) })
    const fetched = Promise.all(blocks.map(({ cid }) => victim.cat(String(cid), signal)))
    const tooEarly = fetched.then(() => {
      throw new Error('it was fetched from nobody')
    })
    tooEarly.catch(() => {})
    const id = hoarder.port.self.toString()
    const charged = eventually('a timeout', async () => {
      const { peers } = await victim.status()
      return peers.find(({ peer }) => peer === id)?.evidence.timeout
    })
    await Promise.race([charged, tooEarly])
    await honest.offer(blocks)
    if (!areContents(await fetched, blocks)) throw new Error('other bytes came')
  },
}
