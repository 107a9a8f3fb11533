import t from 'tap'
import { TEXT_TARGETS } from '../../scripts/bench/fuzz/targets/text.ts'
import { fuzzed } from './fuzzed.ts'

await fuzzed(t, [...TEXT_TARGETS])
