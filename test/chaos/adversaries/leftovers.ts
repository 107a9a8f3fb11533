import type { Victim } from './victim.ts'

const MIB = 1024 * 1024

/** What a node counts of those who use it at this moment, and how much of it may be left by honest peers after an attack. */
const SLACK: Readonly<Record<string, number>> = {
  skep_network_handshakes: 0,
  'skep_node_connections{direction="inbound"}': 0,
  skep_network_peer_streams: 2,
  // Counted anew with each 64 KiB that come.
  skep_network_held_bytes: MIB,
  skep_exchange_queued_wants: 0,
  skep_exchange_read_ahead_bytes: 0,
  skep_exchange_wants_outstanding: 0,
  skep_exchange_in_flight_bytes: 0,
  skep_node_storage_reserved_bytes: 0,
  skep_monitoring_event_listeners: 0,
}

/** `network.maxPeers` of the profile pi-zero. */
const MAX_PEERS = 256

/** What a node still has of an attack, in words, by its own counts; empty where nothing is left. */
export async function leftovers(victim: Victim, before: ReadonlyMap<string, number>): Promise<string[]> {
  const now = await victim.metrics()
  const left = Object.entries(SLACK)
    .map(([name, slack]) => ({ name, slack, was: before.get(name) ?? 0, is: now.get(name) ?? Number.NaN }))
    .filter(({ slack, was, is }) => !(is <= was + slack))
    .map(({ name, was, is }) => `${name}: ${is}, was ${was}`)
  let peers = 0
  for (const [name, count] of now) if (name.startsWith('skep_node_peers{')) peers += count
  if (peers > MAX_PEERS) left.push(`${peers} peers are known, ${MAX_PEERS} may be`)
  return left
}
