import t from 'tap'
import { MUXER_TARGETS } from '../../scripts/bench/fuzz/targets/muxers.ts'
import { NETWORK_TARGETS } from '../../scripts/bench/fuzz/targets/network.ts'
import { fuzzed } from './fuzzed.ts'

await fuzzed(t, [...NETWORK_TARGETS, ...MUXER_TARGETS])
