import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Client, createClient } from '../../core/cli/client.ts'
import { SkepProcess } from '../../test/helpers/skep-process.ts'
import { LineProcess } from './line-process.ts'
import { writeRandomFile } from './random-files.ts'
import { type BenchRow, benchRow } from './row.ts'
import { type SwarmHost, SwarmNetwork } from './swarm-network.ts'
import { withDirectory } from './turns.ts'

const MIB = 1024 * 1024
const UPLINK_MEGABITS = 100

/** Enough for TCP to find its pace, little beside the transfer itself. */
const PROBE_BYTES = 32 * MIB

export interface SwarmOptions {
  readonly nodes: number
  readonly mebibytes: number
}

interface Member {
  readonly node: SkepProcess
  readonly client: Client
}

interface ExchangeDetails {
  readonly bytesSent: number
  readonly duplicateBlocks: number
}

/**
 * One publisher, and all others pin what it has at the same moment: seconds until the last of them holds it, flushed.
 *
 * The limit is the size over what a bare TLS connection gets through the same shaped uplink: each byte has to leave the
 * publisher once. There is no peer column: none of the others that run here shares out of the box what it still fetches.
 */
export async function swarm({ nodes, mebibytes }: SwarmOptions): Promise<BenchRow[]> {
  if (nodes < 2 || nodes > 200) throw new RangeError(`${nodes} nodes: expected 2 to 200`)
  const bytes = mebibytes * MIB
  return withDirectory('swarm', async directory => {
    using _ = removedOnExit(directory)
    using network = new SwarmNetwork({ hosts: nodes, uplinkMegabits: UPLINK_MEGABITS })
    const idealSeconds = bytes / (await uplinkBytesPerSecond(network.hosts))
    const file = join(directory, 'random')
    writeRandomFile(file, mebibytes)
    await using members = new AsyncDisposableStack()
    const start = async (host: SwarmHost, index: number): Promise<Member> => {
      const member = await startMember(join(directory, `${index}`), host)
      members.defer(async () => void (await member.node.end()))
      return member
    }
    const swarm = await Promise.all(network.hosts.map(start))
    const [publisher, ...others] = swarm
    if (!publisher) throw new Error('there is no publisher')
    const { cid } = await publisher.node.json<{ cid: string }>(['add', file])
    await introduce(swarm)
    const startedAt = performance.now()
    await Promise.all(others.map(({ client }) => pin(client, cid)))
    const seconds = (performance.now() - startedAt) / 1000
    const { bytesSent } = await detailsOf(publisher)
    const wasted = await Promise.all(others.map(async other => (await detailsOf(other)).duplicateBlocks))
    const row = (metric: string, ours: number, limit: number, unit: string): BenchRow =>
      benchRow({ bench: 'swarm', metric, ours, limit, unit })
    return [
      row('time', seconds, idealSeconds, 's'),
      row('over-ideal', seconds / idealSeconds, 1, 'x'),
      row('publisher-upload', bytesSent / bytes, 1, 'x'),
      row(
        'wasted',
        wasted.reduce((sum, blocks) => sum + blocks, 0),
        0,
        'blocks',
      ),
    ]
  })
}

/** For an interrupt, which ends the process in the midst of it. */
function removedOnExit(directory: string): Disposable {
  const remove = (): void => rmSync(directory, { recursive: true, force: true })
  process.on('exit', remove)
  return { [Symbol.dispose]: () => void process.off('exit', remove) }
}

/** Payload that one TLS connection carries from the first host to the second. */
async function uplinkBytesPerSecond([from, to]: readonly SwarmHost[]): Promise<number> {
  if (!from || !to) throw new Error('there are no two hosts')
  const script = new URL('./peers/tls-pipe.ts', import.meta.url)
  const sender = await LineProcess.start(script, [], from)
  const receiver = await LineProcess.start(script, [], to)
  try {
    const host = from.address
    const { port } = await sender.ask<{ port: number }>({ op: 'serve', host, bytes: PROBE_BYTES })
    const { bytes, seconds } = await receiver.ask<{ bytes: number; seconds: number }>({
      op: 'fetch',
      host,
      port,
    })
    return bytes / seconds
  } finally {
    await Promise.all([sender.stop(), receiver.stop()])
  }
}

async function startMember(directory: string, { namespace, address }: SwarmHost): Promise<Member> {
  const settings = [
    `network.listen=/ip4/${address}/tcp/0`,
    // All on the bridge have one address range, and meet at the same moment.
    'network.maxInboundPerSecond=100',
    'plugins.monitoring.port=0',
    'plugins.discovery.mdns.enabled=false',
  ].flatMap(setting => ['--set', setting])
  const node = await SkepProcess.start(directory, [...settings, '--log-level', 'warn'], { namespace })
  return { node, client: createClient(join(directory, 'skep.sock')) }
}

/** Connects each to each. */
async function introduce(members: readonly Member[]): Promise<void> {
  for (const [index, { client }] of members.entries()) {
    for (const { node } of members.slice(0, index)) {
      await client.operate({ method: 'POST', path: 'peers', body: { address: node.ready.addresses[0] } })
    }
  }
}

async function pin(client: Client, path: string): Promise<void> {
  await client.operate({ method: 'POST', path: 'pins', body: { path } })
}

async function detailsOf({ client }: Member): Promise<ExchangeDetails> {
  const { details } = await client.get<{ details: { exchange: ExchangeDetails } }>('status')
  return details.exchange
}
