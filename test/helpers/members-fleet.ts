import type { MembersConfig } from '../../plugins/routing/members/config.ts'
import {
  connect,
  createMembersNode,
  HashStore,
  hashOf,
  type MembersNode,
  type Run,
  when,
} from './members-node.ts'

export interface FleetMember {
  readonly node: MembersNode
  readonly store: HashStore
  readonly run: Run
}

interface FleetOptions {
  readonly peers: number
  /** Of each, none of them another's: numbers from `blocks` times its place on. */
  readonly blocks: number
  readonly config?: Partial<MembersConfig>
}

/** Members that are all connected to each other, over real connections, and know all that each other holds. */
export async function startFleet(
  t: { teardown(end: () => unknown): void },
  { peers, blocks, config = {} }: FleetOptions,
): Promise<FleetMember[]> {
  const fleet: FleetMember[] = []
  for (let place = 0; place < peers; place++) {
    const store = new HashStore()
    for (let number = 0; number < blocks; number++) store.put(hashOf(place * blocks + number))
    const node = await createMembersNode(t, { blocks: store })
    fleet.push({ store, node, run: await node.run(config) })
  }
  for (const [place, { node }] of fleet.entries())
    for (const { node: other } of fleet.slice(place + 1)) await connect(node, other)
  await Promise.all(fleet.map(({ run }) => when(run.index, () => knowsAll(run, peers - 1))))
  return fleet
}

function knowsAll({ index }: Run, members: number): boolean {
  const status = index.describe()
  return status.members.length === members && status.members.every(({ state }) => state === 'current')
}
