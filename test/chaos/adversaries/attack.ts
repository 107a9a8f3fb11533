import type { Test } from 'tap'
import type { EvidenceKind } from '../../../core/events.ts'
import type { TestBlock } from '../../unit/exchange/fixture.ts'
import type { Arena } from './arena.ts'
import type { Victim } from './victim.ts'

/** What has to have come of an attack, beside what holds for every one (see `judge` in arena.ts). */
export type Verdict =
  /** Every offender has evidence of this kind that counts against it, and is kept out, or isn't. */
  | { readonly charged: EvidenceKind; readonly banned: boolean }
  /** Nobody is charged; a metric has grown, named as Prometheus shows it: `name{label="value"}`. */
  | { readonly refused: string }
  /** Nobody is charged, and no metric tells: `run` itself throws where the attack did any good to whoever made it. */
  | { readonly harmless: true }

/** One way to do harm to a node, tried on a live one. A line of the table in the README. */
export interface Attack {
  readonly name: string
  /** What the attacker does. */
  readonly what: string
  /** What stops it: the limit or the rule, with its figure. */
  readonly limit: string
  /** What comes of it: for the node, and for the attacker. */
  readonly result: string
  readonly verdict: Verdict
  /**
   * Attacks until it has seen that the node stands it, and throws where it saw that it doesn't. Takes seconds at most; ends
   * where `arena.signal` aborts. What it opened through the arena is closed after it.
   */
  run(arena: Arena): Promise<void>
}

/** Somebody with a clean record whose transfers have to go on, whatever else happens. */
export interface Honest {
  readonly id: string
  /** Has `blocks` from now on, for the node to fetch. */
  offer(blocks: readonly TestBlock[]): Promise<void>
  /** One transfer from the node and one to it, checked bit for bit. Throws where one doesn't finish in time. */
  transfer(): Promise<void>
}

/** Attacks on one node, one after the other. */
export interface AttackGroup {
  /** What the node is started with, beside the small budgets that all have. */
  readonly settings?: readonly string[]
  /** Connects somebody honest with the node; by default `HonestPeer.meet`. */
  readonly meet?: (t: Test, victim: Victim) => Promise<Honest>
  readonly attacks: readonly Attack[]
}
