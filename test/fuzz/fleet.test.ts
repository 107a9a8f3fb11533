import t from 'tap'
import { FLEET_TARGETS } from '../../scripts/bench/fuzz/targets/fleet.ts'
import { fuzzed } from './fuzzed.ts'

await fuzzed(t, [...FLEET_TARGETS])
