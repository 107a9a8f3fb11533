import { Command, InvalidArgumentError } from 'commander'
import { caps } from './caps.ts'
import { idle } from './idle.ts'
import type { BenchRow } from './row.ts'
import { startup } from './startup.ts'
import { transfer } from './transfer.ts'

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
  .option('--json', 'one JSON object a line')
  .action(async ({ json, ...options }) => print(await transfer(options), json))

program
  .command('startup')
  .description('from start to /readyz')
  .option('--runs <n>', 'runs of each; the median counts', positiveInteger, 7)
  .option('--json', 'one JSON object a line')
  .action(async ({ json, ...options }) => print(await startup(options), json))

program
  .command('caps')
  .description('upload and download under a cap, over loopback, and a peer of the local network, which is exempt')
  .option('--megabytes-per-second <n>', 'the cap', positiveInteger, 4)
  .option('--seconds <n>', 'how long to measure', positiveInteger, 30)
  .option('--json', 'one JSON object a line')
  .action(async ({ json, ...options }) => print(await caps(options), json))

program
  .command('idle')
  .description('anonymous memory and CPU of a node with nothing to do')
  .option('--seconds <n>', 'how long', positiveInteger, 60)
  .option('--json', 'one JSON object a line')
  .action(async ({ json, ...options }) => print(await idle(options), json))

await program.parseAsync()
