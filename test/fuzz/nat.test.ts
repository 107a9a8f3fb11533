import t from 'tap'
import { NAT_TARGETS } from '../../scripts/bench/fuzz/targets/nat.ts'
import { fuzzed } from './fuzzed.ts'

await fuzzed(t, [...NAT_TARGETS])
