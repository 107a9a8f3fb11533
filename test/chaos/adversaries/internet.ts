import t from 'tap'
import { tryAttacks } from './arena.ts'
import { attacks } from './attacks.ts'

// Run by internet.test.ts where addresses of the internet are this machine's own.
await tryAttacks(t, attacks.internet)
