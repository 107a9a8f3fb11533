import t from 'tap'
import { CONTENT_TARGETS } from '../../scripts/bench/fuzz/targets/content.ts'
import { TAR_TARGETS } from '../../scripts/bench/fuzz/targets/tar.ts'
import { fuzzed } from './fuzzed.ts'

await fuzzed(t, [...CONTENT_TARGETS, ...TAR_TARGETS])
