import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Health } from '../../core/plugin.ts'
import type { Fleet } from '../../core/services/fleet.ts'
import { createDiscoveryNode, type DiscoveryNodeOptions } from '../unit/discovery/discovery-node.ts'

/**
 * A node that finds others, as a process of its own, for a network namespace. Its argument is JSON with what differs from the
 * defaults. Prints a line of JSON for each thing that happens; ends with its input. A line of that is the fleet it is in from then
 * on, as JSON.
 */
export type MeshEvent =
  | { readonly event: 'started'; readonly peer: string; readonly addresses: readonly string[] }
  | MeshState

export interface MeshState {
  readonly event: 'state'
  /** Connected peers, each with how it was found. */
  readonly peers: Readonly<Record<string, string>>
  /** Where they are, as the connections have it. */
  readonly hosts: readonly string[]
  readonly health: Health
  /** Whether mDNS works, as the metric says it. */
  readonly mdnsWorking: number
  /** Dials that ended so far, well or not. */
  readonly dials: number
  /** Multicast packets sent so far. */
  readonly mdnsQueries: number
  readonly mdnsAnswers: number
}

/** What neighbours are asked for by; everybody counts as a member, and may connect. */
export type MeshFleet = Pick<Fleet, 'isClosed'> & { readonly label?: string }

export interface MeshOptions extends Omit<DiscoveryNodeOptions, 'fleet'> {
  readonly fleet?: MeshFleet
}

const POLL_MS = 50

function tell(event: MeshEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`)
}

async function run({ fleet: given, ...options }: MeshOptions): Promise<void> {
  let facts = given
  const fleet: Fleet = {
    get label() {
      return facts?.label
    },
    get isClosed() {
      return facts?.isClosed ?? false
    },
    isMember: () => (facts?.label === undefined ? undefined : true),
    isOperator: () => false,
    admits: () => true,
  }
  const node = await createDiscoveryNode({ ...options, fleet })
  const { finder, port, metrics, events } = node
  tell({ event: 'started', peer: port.self.toString(), addresses: port.addresses().map(String) })
  const ended = new AbortController()
  createInterface({ input: process.stdin }).on('line', line => {
    facts = JSON.parse(line)
    events.emit('fleet:changed', {})
  })
  once(process.stdin, 'end').then(() => ended.abort())
  let told = ''
  while (!ended.signal.aborted) {
    const text = await metrics.text()
    const peers = port.connectedPeers().map(String).sort()
    const state: MeshState = {
      event: 'state',
      peers: Object.fromEntries(peers.map(peer => [peer, finder.sourceOf(peer) ?? 'unknown'])),
      hosts: [...new Set(port.connections().map(({ remoteAddr }) => hostOf(remoteAddr)))].sort(),
      health: finder.health(),
      mdnsWorking: sum(text, 'skep_discovery_mdns_working'),
      dials: sum(text, 'skep_discovery_dials_total{'),
      mdnsQueries: sum(text, 'skep_discovery_mdns_packets_total{kind="query"'),
      mdnsAnswers: sum(text, 'skep_discovery_mdns_packets_total{kind="answer"'),
    }
    const line = JSON.stringify(state)
    if (line !== told) tell(state)
    told = line
    await setTimeout(POLL_MS, undefined, { signal: ended.signal }).catch(() => undefined)
  }
  await node.stop()
}

function hostOf(address: Multiaddr): string {
  return address.getComponents()[0]?.value ?? ''
}

/** Of all values whose name and labels begin so. */
function sum(text: string, begin: string): number {
  const lines = text.split('\n').filter(line => line.startsWith(begin))
  return lines.reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0)
}

await run(JSON.parse(process.argv[2] ?? '{}'))
