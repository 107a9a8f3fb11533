import t from 'tap'
import { LMDB_TARGETS } from '../../scripts/bench/fuzz/targets/lmdb.ts'
import { fuzzed } from './fuzzed.ts'

await fuzzed(t, LMDB_TARGETS)
