import { randomInt } from 'node:crypto'
import { Command, InvalidArgumentError } from 'commander'
import { add } from './add.ts'
import { bitFlips } from './bit-flips.ts'
import { cacheTraces } from './cache-traces.ts'
import { caps } from './caps.ts'
import { churn } from './churn.ts'
import { crash } from './crash.ts'
import { dht } from './dht.ts'
import { evict } from './evict.ts'
import { fleetTraffic } from './fleet-traffic.ts'
import { fuzz } from './fuzz.ts'
import { idle } from './idle.ts'
import { members } from './members.ts'
import { quota } from './quota.ts'
import type { BenchRow } from './row.ts'
import { startup } from './startup.ts'
import { swarm } from './swarm.ts'
import { transfer } from './transfer.ts'
import { transferLatency } from './transfer-latency.ts'
import { transferSmall } from './transfer-small.ts'

function positiveInteger(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('a whole number from 1 on')
  return value
}

function print(rows: readonly BenchRow[], json: boolean): void {
  for (const row of rows) {
    if (json) {
      console.log(JSON.stringify(row))
      continue
    }
    const beside = row.peerName ? `  ${row.peerName} ${row.peer} ${row.unit}  ratio ${row.ratio}` : ''
    const limit = row.limit === null ? '' : `  limit ${row.limit} ${row.unit}`
    console.log(`${row.bench} ${row.metric}: ${row.ours} ${row.unit}${beside}${limit}`)
  }
}

const program = new Command('bench').description(
  'Measures skep beside others and beside what the machine allows, in one run.',
)

program
  .command('transfer')
  .description('random bytes from a store on disk to a store on disk, over loopback, cold (needs root)')
  .option('--mebibytes <n>', 'how much', positiveInteger, 1024)
  .option('--runs <n>', 'runs of each; the median counts', positiveInteger, 3)
  .option('--swarm-key', 'instead of all others: in a private network beside none', false)
  .option('--json', 'one JSON object a line')
  .action(async ({ json, ...options }) => print(await transfer(options), json))

program
  .command('transfer-small')
  .description(
    'a tree of files of 4 KiB from a store on disk to a store on disk, over loopback, cold (needs root)',
  )
  .option('--files <n>', 'how many', positiveInteger, 10_000)
  .option('--runs <n>', 'runs of each; the median counts', positiveInteger, 3)
  .option('--json', 'one JSON object a line')
  .action(async ({ json, ...options }) => print(await transferSmall(options), json))

program
  .command('transfer-latency')
  .description('random bytes over a path of 100 Mbit/s and 50 ms (needs root, for a cold start)')
  .option('--mebibytes <n>', 'how much', positiveInteger, 256)
  .option('--runs <n>', 'runs of each; the median counts', positiveInteger, 3)
  .option('--json', 'one JSON object a line')
  .action(async ({ json, ...options }) => print(await transferLatency(options), json))

program
  .command('quota')
  .description(
    'writers at the cap of a store, of all sizes: what the directory takes on disk, walked meanwhile',
  )
  .option('--mebibytes <n>', 'the cap', positiveInteger, 512)
  .option('--seconds <n>', 'for how long', positiveInteger, 60)
  .option('--json', 'one JSON object a line')
  .action(async ({ json, ...options }) => print(await quota(options), json))

program
  .command('churn')
  .description('a store turned over ten times at its cap, beside a fresh one (as root on a disk of its own)')
  .option('--mebibytes <n>', 'the cap', positiveInteger, 512)
  .option('--runs <n>', 'measurements of each; the median counts', positiveInteger, 3)
  .option('--json', 'one JSON object a line')
  .action(async ({ json, ...options }) => print(await churn(options), json))

program
  .command('add')
  .description('a file of random bytes into a store on disk')
  .option('--mebibytes <n>', 'how much', positiveInteger, 1024)
  .option('--runs <n>', 'runs of each; the median counts', positiveInteger, 3)
  .option('--json', 'one JSON object a line')
  .action(async ({ json, ...options }) => print(await add(options), json))

program
  .command('swarm')
  .description('one publishes, all others pin it at once, each behind an uplink of 100 Mbit/s (needs root)')
  .option('--nodes <n>', 'how many, with the publisher', positiveInteger, 8)
  .option('--mebibytes <n>', 'how much', positiveInteger, 256)
  .option('--json', 'one JSON object a line')
  .action(async ({ json, ...options }) => print(await swarm(options), json))

program
  .command('startup')
  .description('from start to /readyz')
  .option('--runs <n>', 'runs of each; the median counts', positiveInteger, 7)
  .option('--json', 'one JSON object a line')
  .action(async ({ json, ...options }) => print(await startup(options), json))

program
  .command('caps')
  .description(
    'upload and download under a cap, over loopback, and a peer of the local network, which is exempt',
  )
  .option('--megabytes-per-second <n>', 'the cap', positiveInteger, 4)
  .option('--seconds <n>', 'how long to measure', positiveInteger, 30)
  .option('--json', 'one JSON object a line')
  .action(async ({ json, ...options }) => print(await caps(options), json))

program
  .command('idle')
  .description(
    'anonymous memory and CPU of a node with nothing to do, and what it writes in a day (needs root)',
  )
  .option('--seconds <n>', 'how long: what is written is scaled to a day', positiveInteger, 600)
  .option('--json', 'one JSON object a line')
  .action(async ({ json, ...options }) => print(await idle(options), json))

program
  .command('members')
  .description(
    'members that tell each other what they hold: memory, snapshots, look-ups, and how soon all know a change',
  )
  .option('--peers <n>', 'how many', positiveInteger, 10)
  .option('--blocks <n>', 'of each', positiveInteger, 100_000)
  .option('--json', 'one JSON object a line')
  .action(async ({ json, ...options }) => print(await members(options), json))

program
  .command('fleet-traffic')
  .description('what nodes with nothing to do send and receive in a day, on hosts of their own (needs root)')
  .option('--minutes <n>', 'how long to measure', positiveInteger, 10)
  .option('--settle-minutes <n>', 'how long after all have met', positiveInteger, 5)
  .option('--nodes <n>', 'how many', positiveInteger, 5)
  .option('--dht', 'with a Kademlia network of their own', false)
  .option('--json', 'one JSON object a line')
  .action(async ({ json, ...options }) => print(await fleetTraffic(options), json))

program
  .command('cache-traces')
  .description(
    'hit ratios of the cache strategies over synthetic traces, or over files of one `key size` a line, beside the optimum',
  )
  .argument('[files...]', 'traces to run instead of the synthetic ones')
  .option('--requests <n>', 'of each synthetic trace', positiveInteger, 1_000_000)
  .option('--percent <n>', 'how much of all the bytes fits', positiveInteger, 5)
  .option('--equal-sizes', 'every object has the same size', false)
  .option('--json', 'one JSON object a line')
  .action(async (files, { json, ...options }) => print(await cacheTraces({ files, ...options }), json))

program
  .command('crash')
  .description(
    'kills a node, or cuts the power of its disk, at random moments of all that changes its store (power needs root)',
  )
  .option('--cuts <n>', 'how often', positiveInteger, 200)
  .option(
    '--seed <n>',
    'for the same contents, operations and moments again (default: a new one)',
    positiveInteger,
  )
  .option('--json', 'one JSON object a line')
  .action(async ({ json, cuts, seed = randomInt(1, 2 ** 31) }) => print(await crash({ cuts, seed }), json))

program
  .command('bit-flips')
  .description(
    'bits turned in payloads, index, counts of pins and vault of stores: found, repaired, told, never given out',
  )
  .option('--stores <n>', 'how many of each', positiveInteger, 40)
  .option(
    '--flips <n>',
    'bits in payloads or index of each; the vault gets a tenth of them, counts of pins a hundredth',
    positiveInteger,
    300,
  )
  .option('--seed <n>', 'for the same contents and bits again (default: a new one)', positiveInteger)
  .option('--json', 'one JSON object a line')
  .action(async ({ json, stores, flips, seed = randomInt(1, 2 ** 31) }) =>
    print(await bitFlips({ stores, flips, seed }), json),
  )

program
  .command('fuzz')
  .description(
    'valid, damaged and meaningless inputs for every codec and parser; what fails is kept as a fixture',
  )
  .option('--minutes <n>', 'for how long, all targets together', positiveInteger, 10)
  .option('--target <name>', 'this one alone')
  .option('--seed <n>', 'for the same inputs again (default: a new one)', positiveInteger)
  .option('--json', 'one JSON object a line')
  .action(async ({ json, seed = randomInt(1, 2 ** 31), ...options }) =>
    print(await fuzz({ seed, ...options }), json),
  )

program
  .command('dht')
  .description('look-ups of providers in a Kademlia network in one process: hops and requests, beside log2 N')
  .option('--nodes <n>', 'how many', positiveInteger, 30)
  .option('--records <n>', 'provider records', positiveInteger, 100)
  .option('--lookups <n>', 'look-ups, each from a node chosen at random', positiveInteger, 300)
  .option(
    '--bucket-size <n>',
    'nodes that keep a record: with few of them a small network shows how hops grow',
    positiveInteger,
    20,
  )
  .option('--json', 'one JSON object a line')
  .action(async ({ json, ...options }) => print(await dht(options), json))

program
  .command('evict')
  .description(
    'the longest pause of the event loop while a store of small blocks is evicted and others are added',
  )
  .option('--blocks <n>', 'how many', positiveInteger, 1_000_000)
  .option('--seconds <n>', 'how long to measure without eviction', positiveInteger, 10)
  .option('--json', 'one JSON object a line')
  .action(async ({ json, ...options }) => print(await evict(options), json))

await program.parseAsync()
