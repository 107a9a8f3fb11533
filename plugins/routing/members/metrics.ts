import type { Counter, MetricFactory } from '../../../core/api.ts'

/** What is read at scrape time. */
export interface MembersGauges {
  readonly members: number
  readonly leftOut: number
  readonly readers: number
  readonly blocks: number
  readonly bytes: number
}

export interface MembersMetrics {
  /** Blocks told of, by direction. */
  readonly changes: Counter<'direction'>
  readonly snapshots: Counter<'direction'>
  readonly lookups: Counter<'result'>
  /** The gauges read through this from then on. */
  observe(read: () => MembersGauges): void
}

export function createMembersMetrics(create: MetricFactory): MembersMetrics {
  let read = (): MembersGauges => ({ members: 0, leftOut: 0, readers: 0, blocks: 0, bytes: 0 })
  const gauge = (name: string, help: string, key: keyof MembersGauges): void => {
    create.gauge({ name, help, collect: () => read()[key] })
  }
  gauge('members_known', 'Members whose blocks are known, those that left lately among them.', 'members')
  gauge('members_left_out', 'Connected members for whose blocks there is no room.', 'leftOut')
  gauge('members_readers', 'Streams on which members are told what this node holds.', 'readers')
  gauge('members_blocks', 'Blocks known of all members; one that two hold counts twice.', 'blocks')
  gauge('members_bytes', 'Memory that knowing them takes.', 'bytes')
  const changes = create.counter({
    name: 'members_changes_total',
    help: 'Blocks told of, in changes and snapshots, by direction: told to all members together, or heard of one.',
    labels: ['direction'],
  })
  const snapshots = create.counter({
    name: 'members_snapshots_total',
    help: 'Times that a member was told all that is held, by direction: told or heard.',
    labels: ['direction'],
  })
  const lookups = create.counter({
    name: 'members_lookups_total',
    help: 'Questions who has a block, by result: found or unknown.',
    labels: ['result'],
  })
  for (const direction of ['told', 'heard']) {
    changes.inc({ direction }, 0)
    snapshots.inc({ direction }, 0)
  }
  for (const result of ['found', 'unknown']) lookups.inc({ result }, 0)
  return {
    changes,
    snapshots,
    lookups,
    observe(next) {
      read = next
    },
  }
}
