import t from 'tap'
import { DELEGATED_TARGETS } from '../../scripts/bench/fuzz/targets/delegated.ts'
import { DISCOVERY_TARGETS } from '../../scripts/bench/fuzz/targets/discovery.ts'
import { EXCHANGE_TARGETS } from '../../scripts/bench/fuzz/targets/exchange.ts'
import { MEMBERS_TARGETS } from '../../scripts/bench/fuzz/targets/members.ts'
import { fuzzed } from './fuzzed.ts'

await fuzzed(t, [...EXCHANGE_TARGETS, ...MEMBERS_TARGETS, ...DISCOVERY_TARGETS, ...DELEGATED_TARGETS])
