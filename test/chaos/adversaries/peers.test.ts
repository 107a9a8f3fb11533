import t from 'tap'
import { tryAttacks } from './arena.ts'
import { attacks } from './attacks.ts'

await tryAttacks(t, attacks.peers)
