import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { LineProcess } from '../../../scripts/bench/line-process.ts'
import { takeTurns } from '../../../scripts/bench/turns.ts'

t.test('a contender that hangs is killed, and ends the bench', async t => {
  const directory = t.testdir({
    'hangs.ts': `process.on('SIGTERM', () => {}); process.stdin.resume(); setInterval(() => {}, 1000)`,
    place: {},
  })
  const script = pathToFileURL(join(directory, 'hangs.ts'))
  const children: LineProcess[] = []
  let runs = 0
  const hanging = async (): Promise<number> => {
    if (++runs === 1) return 1
    const child = await LineProcess.start(script, [])
    children.push(child)
    try {
      return await child.ask({ op: 'fetch' })
    } finally {
      await child.stop()
    }
  }
  const turns = takeTurns(
    { quick: async () => 0, hanging },
    { runs: 3, directory: join(directory, 'place'), runLimitMs: 500 },
  )
  await t.rejects(turns, { message: 'hanging, run 2 of 3: not done after 0.5 s, and killed' })
  t.equal(children.length, 1)
  t.throws(() => process.kill(children[0]?.pid ?? 0, 0), { code: 'ESRCH' })
})

t.test('a contender that ends badly says why itself', async t => {
  const directory = t.testdir({ place: {}, 'dies.ts': `process.kill(process.pid, 'SIGKILL')` })
  const dying = async (): Promise<void> => {
    const child = await LineProcess.start(pathToFileURL(join(directory, 'dies.ts')), [])
    try {
      await child.ask({ op: 'fetch' })
    } finally {
      await child.stop()
    }
  }
  const turns = takeTurns({ dying }, { runs: 1, directory: join(directory, 'place') })
  await t.rejects(turns, { message: /the child ended instead of answering/ })
})
