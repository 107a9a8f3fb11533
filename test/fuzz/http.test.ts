import t from 'tap'
import { HTTP_TARGETS } from '../../scripts/bench/fuzz/targets/http.ts'
import { fuzzed } from './fuzzed.ts'

await fuzzed(t, HTTP_TARGETS)
