import t from 'tap'
import { CONTROL_TARGETS } from '../../scripts/bench/fuzz/targets/control.ts'
import { fuzzed } from './fuzzed.ts'

await fuzzed(t, CONTROL_TARGETS)
