import t from 'tap'
import { ADMISSION_TARGETS } from '../../scripts/bench/fuzz/targets/admission.ts'
import { CLIENT_TARGETS } from '../../scripts/bench/fuzz/targets/client.ts'
import { CONTROL_TARGETS } from '../../scripts/bench/fuzz/targets/control.ts'
import { fuzzed } from './fuzzed.ts'

await fuzzed(t, [...CONTROL_TARGETS, ...CLIENT_TARGETS, ...ADMISSION_TARGETS])
