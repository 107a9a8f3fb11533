import { join } from 'node:path'
import { LineProcess } from '../line-process.ts'

const SCRIPT = new URL('../peers/helia.ts', import.meta.url)

/** A Helia with its store on disk beneath `directory`, stopped when `work` is over. */
export async function withHelia<T>(directory: string, work: (helia: LineProcess) => Promise<T>): Promise<T> {
  const helia = await LineProcess.start(SCRIPT, [directory])
  try {
    return await work(helia)
  } finally {
    await helia.stop()
  }
}

export interface HeliaPair {
  readonly sender: LineProcess
  readonly receiver: LineProcess
}

/** Two of them, which don't know each other yet. */
export function withHeliaPair<T>(directory: string, work: (pair: HeliaPair) => Promise<T>): Promise<T> {
  return withHelia(join(directory, 'sender'), sender =>
    withHelia(join(directory, 'receiver'), receiver => work({ sender, receiver })),
  )
}

/** Where a Helia listens. */
export async function addressOf(helia: LineProcess): Promise<string> {
  return (await helia.ask<{ address: string }>({ op: 'address' })).address
}
