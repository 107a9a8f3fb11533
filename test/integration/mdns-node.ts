import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import type { Health } from '../../core/plugin.ts'
import { createDiscoveryNode } from '../unit/discovery/discovery-node.ts'

/**
 * A node that finds neighbours, as a process of its own, for a network namespace. Its arguments are bootstrap addresses.
 * Prints a line of JSON for each thing that happens; ends with its input.
 */
export type MdnsEvent =
  | { readonly event: 'started'; readonly peer: string; readonly addresses: readonly string[] }
  | { readonly event: 'connected'; readonly peers: readonly string[]; readonly sources: readonly unknown[] }
  | { readonly event: 'health'; readonly health: Health; readonly metrics: string }

const POLL_MS = 50

function tell(event: MdnsEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`)
}

async function run(bootstrap: string[]): Promise<void> {
  const node = await createDiscoveryNode({
    config: { bootstrap, mdns: { enabled: true, intervalMs: 1000 } },
  })
  const { finder, port, metrics } = node
  tell({ event: 'started', peer: port.self.toString(), addresses: port.addresses().map(String) })
  const ended = new AbortController()
  process.stdin.resume()
  once(process.stdin, 'end').then(() => ended.abort())
  void node.connected(1).then(() => {
    const peers = port.connectedPeers().map(String)
    tell({ event: 'connected', peers, sources: peers.map(peer => finder.sourceOf(peer)) })
  })
  let told = ''
  while (!ended.signal.aborted) {
    const text = await metrics.text()
    const [line = ''] = text.match(/^skep_discovery_mdns_working .*$/m) ?? []
    const health = finder.health()
    const state = JSON.stringify([health, line])
    if (state !== told) tell({ event: 'health', health, metrics: line })
    told = state
    await setTimeout(POLL_MS, undefined, { signal: ended.signal }).catch(() => undefined)
  }
  await node.stop()
}

await run(process.argv.slice(2))
