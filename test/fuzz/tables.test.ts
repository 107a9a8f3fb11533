import t from 'tap'
import { INDEX_TARGETS } from '../../scripts/bench/fuzz/targets/index.ts'
import { TABLE_TARGETS } from '../../scripts/bench/fuzz/targets/tables.ts'
import { fuzzed } from './fuzzed.ts'

await fuzzed(t, [...TABLE_TARGETS, ...INDEX_TARGETS])
