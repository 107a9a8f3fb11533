import t from 'tap'
import { NETWORK_TARGETS } from '../../scripts/bench/fuzz/targets/network.ts'
import { fuzzed } from './fuzzed.ts'

await fuzzed(t, [...NETWORK_TARGETS])
