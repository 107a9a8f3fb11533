import t from 'tap'
import { describeWear } from '../../../core/cli/commands/status.ts'
import { createMemoryStorage } from '../../../core/storage/memory.ts'
import { freshWear } from '../../helpers/wear.ts'

const GIB = 1024 ** 3

t.test('what is known of wear, and no more', async t => {
  const unknown = freshWear(createMemoryStorage({ maxBytes: 0 })).status()
  t.equal(describeWear(unknown), 'nothing here counts writes')
  const young = {
    ...unknown,
    source: 'process',
    counts: 'pages made dirty by this process',
    writtenBytes: 1024,
  } as const
  t.equal(describeWear(young), '1.00 KiB written (pages made dirty by this process)')
  const known = {
    ...unknown,
    source: 'cgroup',
    counts: 'own writes',
    device: 'mmcblk0',
    writtenBytes: 3.2 * GIB,
    writtenBytesPerDay: GIB / 8,
    amplification: 1.0432,
  } as const
  const lasting = (daysLeft: number): string => describeWear({ ...known, card: { ...known.card, daysLeft } })
  const before = '3.20 GiB written to mmcblk0, 128 MiB a day (own writes), 1.04 × the content'
  t.equal(describeWear(known), before)
  t.equal(lasting(12 * 365 + 5), `${before}; about 12 years left at this pace`)
  t.equal(lasting(100.5), `${before}; about 100 days left at this pace`)
  t.equal(lasting(1e6), `${before}; more than 50 years left at this pace`)
})
