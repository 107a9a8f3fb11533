import t from 'tap'
import { RECORD_TARGETS } from '../../scripts/bench/fuzz/targets/records.ts'
import { STORAGE_TARGETS } from '../../scripts/bench/fuzz/targets/storage.ts'
import { fuzzed } from './fuzzed.ts'

await fuzzed(t, [...RECORD_TARGETS, ...STORAGE_TARGETS])
