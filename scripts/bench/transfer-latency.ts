import { join } from 'node:path'
import { addressOf, withHeliaPair } from './contenders/helia.ts'
import { pin, withSkepPair } from './contenders/skep.ts'
import { LineProcess } from './line-process.ts'
import { dropPageCache, measure, type Usage } from './process-sample.ts'
import { writeRandomFile } from './random-files.ts'
import { type BenchRow, benchRow, median } from './row.ts'
import { takeTurns, withDirectory } from './turns.ts'

const MIB = 1024 * 1024
const ROUND_TRIP_MS = 50
const LINK_BYTES_PER_SECOND = 100e6 / 8

export interface TransferLatencyOptions {
  readonly mebibytes: number
  readonly runs: number
}

/**
 * Random bytes from disk to disk over a path of 100 Mbit/s and 50 ms round trip: which share of the link carries content.
 * The path is a relay in a process of its own (`peers/slow-path.ts`), the same for all.
 */
export function transferLatency({ mebibytes, runs }: TransferLatencyOptions): Promise<BenchRow[]> {
  return withDirectory('transfer-latency', async directory => {
    const file = join(directory, 'random')
    writeRandomFile(file, mebibytes)
    const usages = await takeTurns(
      {
        skep: place => skep(file, place),
        helia: place => helia(file, place),
        'raw-tls': place => rawTls(file, place),
      },
      { runs, directory },
    )
    const shareOf = ({ seconds }: Usage): number => (mebibytes * MIB) / seconds / LINK_BYTES_PER_SECOND
    return (['helia', 'raw-tls'] as const).map(name =>
      benchRow({
        bench: 'transfer-latency',
        metric: 'link-share',
        ours: median(usages.skep.map(shareOf)),
        peer: { name, value: median(usages[name].map(shareOf)) },
        limit: median(usages['raw-tls'].map(shareOf)),
        unit: 'of 100 Mbit/s',
      }),
    )
  })
}

function skep(file: string, directory: string): Promise<Usage> {
  return withSkepPair(directory, async ({ sender, receiver }) => {
    const { cid } = await sender.json<{ cid: string }>(['add', file])
    const address = sender.ready.addresses[0] ?? ''
    return await throughPath(portOf(address), async port => {
      await receiver.json(['connect', withPort(address, port)])
      dropPageCache()
      return await measure([receiver.pid, sender.pid], () => pin(receiver, cid))
    })
  })
}

function helia(file: string, directory: string): Promise<Usage> {
  return withHeliaPair(directory, async ({ sender, receiver }) => {
    const { cid } = await sender.ask<{ cid: string }>({ op: 'add', path: file })
    const address = await addressOf(sender)
    return await throughPath(portOf(address), async port => {
      await receiver.ask({ op: 'connect', address: withPort(address, port) })
      dropPageCache()
      return await measure([receiver.pid, sender.pid], async () => {
        await receiver.ask({ op: 'fetch', cid })
      })
    })
  })
}

async function rawTls(file: string, directory: string): Promise<Usage> {
  const script = new URL('./peers/raw-tls.ts', import.meta.url)
  const sender = await LineProcess.start(script, [])
  const receiver = await LineProcess.start(script, [])
  try {
    const served = await sender.ask<{ port: number }>({ op: 'serve', path: file })
    return await throughPath(served.port, port => {
      dropPageCache()
      return measure([receiver.pid, sender.pid], async () => {
        await receiver.ask({ op: 'fetch', port, path: join(directory, 'received') })
      })
    })
  } finally {
    await Promise.all([sender.stop(), receiver.stop()])
  }
}

/** Runs `work` with the port at which the path to `port` begins. */
async function throughPath<T>(port: number, work: (port: number) => Promise<T>): Promise<T> {
  const relay = await LineProcess.start(new URL('./peers/slow-path.ts', import.meta.url), [])
  try {
    const path = { port, roundTripMs: ROUND_TRIP_MS, bytesPerSecond: LINK_BYTES_PER_SECOND }
    return await work((await relay.ask<{ port: number }>({ op: 'open', ...path })).port)
  } finally {
    await relay.stop()
  }
}

const PORT = /\/tcp\/(\d+)/

function portOf(address: string): number {
  return Number(PORT.exec(address)?.[1])
}

function withPort(address: string, port: number): string {
  return address.replace(PORT, `/tcp/${port}`)
}
