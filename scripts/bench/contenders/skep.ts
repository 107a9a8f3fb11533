import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createClient } from '../../../core/cli/client.ts'
import { sharedFileOf } from '../../../core/control/shared-file.ts'
import { SkepProcess } from '../../../test/helpers/skep-process.ts'

/** A node that talks to nobody but those it is told to, and has no port that another could want. */
const QUIET = [
  'network.listen=/ip4/127.0.0.1/tcp/0',
  'plugins.monitoring.port=0',
  'plugins.discovery.mdns.enabled=false',
].flatMap(setting => ['--set', setting])

/** `settings`: what differs, each as `key=value`. */
export function startSkep(directory: string, settings: readonly string[] = []): Promise<SkepProcess> {
  const changes = settings.flatMap(setting => ['--set', setting])
  return SkepProcess.start(directory, [...QUIET, ...changes, '--log-level', 'warn'])
}

export interface SkepPair {
  readonly sender: SkepProcess
  readonly receiver: SkepProcess
}

/** Two nodes with stores on disk beneath `directory`, stopped when `work` is over. They don't know each other yet. */
export async function withSkepPair<T>(
  directory: string,
  work: (pair: SkepPair) => Promise<T>,
  settings: readonly string[] = [],
): Promise<T> {
  await using nodes = new AsyncDisposableStack()
  const start = async (name: string): Promise<SkepProcess> =>
    nodes.adopt(await startSkep(join(directory, name), settings), async node => {
      await node.end()
    })
  return await work({ sender: await start('sender'), receiver: await start('receiver') })
}

/** Pins as `skep pin add` does; the start of a command isn't counted, as it isn't with the peers. */
export async function pin({ directory }: SkepProcess, cid: string): Promise<void> {
  await createClient(join(directory, 'skep.sock')).operate({
    method: 'POST',
    path: 'pins',
    body: { path: cid },
  })
}

/** Adds as `skep add` does, without the start of a command. */
export async function add({ directory }: SkepProcess, file: string): Promise<string> {
  const { cid } = await createClient(join(directory, 'skep.sock')).operate<{ cid: string }>({
    method: 'POST',
    path: 'content/file',
    body: { file: sharedFileOf(file, await stat(file, { bigint: true })), pin: true },
  })
  return cid
}
