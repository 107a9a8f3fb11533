import t from 'tap'
import { GroupCommit } from '../../../core/storage/group-commit.ts'

function grouping(options: { maxItems?: number; maxWeight?: number } = {}) {
  const groups: number[][] = []
  const gates: PromiseWithResolvers<void>[] = []
  const group = new GroupCommit<number>(
    { maxItems: 100, maxWeight: 1000, weigh: item => item, ...options },
    items => {
      groups.push([...items])
      const gate = Promise.withResolvers<void>()
      gates.push(gate)
      return gate.promise
    },
  )
  return { group, groups, gates }
}

t.test('what arrives while a group commits forms the next', async t => {
  const { group, groups, gates } = grouping()
  const first = [group.add(1), group.add(2)]
  await null
  await null
  t.same(groups, [[1, 2]], 'one turn, one group')
  const second = [group.add(3), group.add(4), group.add(5)]
  gates[0]?.resolve()
  await Promise.all(first)
  await null
  t.same(groups, [
    [1, 2],
    [3, 4, 5],
  ])
  gates[1]?.reject(new Error('no disk'))
  for (const item of second) await t.rejects(item, /no disk/)
  const third = group.add(6)
  await null
  await null
  gates[2]?.resolve()
  await third
  await group.idle()
  t.same(groups.at(-1), [6], 'a group that failed stops nothing')
})

t.test('groups are bounded', async t => {
  const { group, groups, gates } = grouping({ maxItems: 3, maxWeight: 10 })
  const all = [1, 1, 1, 1, 9, 2, 50, 1].map(item => group.add(item))
  for (let done = 0; done < 5; done++) {
    while (!gates[done]) await null
    gates[done]?.resolve()
  }
  await Promise.all(all)
  t.same(groups, [[1, 1, 1], [1, 9], [2], [50], [1]])
})
