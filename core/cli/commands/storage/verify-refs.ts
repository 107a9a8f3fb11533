import type { Command } from 'commander'
import type { PinVerifyReport } from '../../../content/pin-verification.ts'
import type { FaultItem } from '../../../control/routes/storage.ts'
import { isSkepError } from '../../../errors.ts'
import type { Storage } from '../../../storage/storage.ts'
import { type Context, contextOf, examples, type Parts, print } from '../../context.ts'
import { cliError } from '../../errors.ts'
import { interruption } from '../../interrupt.ts'
import { nodeClient } from '../../node-client.ts'
import { type ProgressLine, progressLine } from '../../progress.ts'
import { addSettingsOptions, type SettingsOptions } from '../../settings.ts'
import { openStopped, stoppedStore } from './stopped-store.ts'

interface VerifyRefsOptions extends SettingsOptions {
  readonly repair?: boolean
}

interface Task {
  readonly repair: boolean
  readonly progress: ProgressLine
  onFault(fault: FaultItem): void
}

export function defineVerifyRefs(command: Command, parts: Parts): void {
  addSettingsOptions(command)
    .description(
      'check which blocks pins hold, beside what a running node does; exit code 1 where it is wrong',
    )
    .option('--repair', 'put right what is wrong')
    .addHelpText('after', examples('skep storage verify-refs', 'skep storage verify-refs --repair'))
    .action(async (options: VerifyRefsOptions) => {
      const context = contextOf(command)
      using progress = progressLine('verifying', context)
      const faults: FaultItem[] = []
      const task: Task = {
        repair: options.repair ?? false,
        progress,
        onFault: fault => void faults.push(fault),
      }
      const report = await ofRunning(context, task).catch(error => {
        if (context.node !== undefined || !isSkepError(error, 'NODE_NOT_RUNNING')) throw error
        return ofStopped(context, options, parts, task)
      })
      progress[Symbol.dispose]()
      for (const fault of faults) print(context, fault, () => describe(fault))
      const { pins, nodes, links, repaired } = report
      print(
        context,
        report,
        () => `${pins} pins, ${nodes} blocks, ${links} links: ${report.faults} wrong, ${repaired} repaired`,
      )
      if (report.faults === repaired) return
      throw cliError('REFERENCES_WRONG', `${report.faults} of what pins hold is counted wrong`)
    })
}

async function ofRunning(context: Context, { repair, progress, onFault }: Task): Promise<PinVerifyReport> {
  const client = await nodeClient(context)
  return client.operate<PinVerifyReport, FaultItem>({
    method: 'POST',
    path: 'storage/verify-refs',
    body: { repair },
    signal: interruption(),
    onProgress: ({ bytes, totalBytes }) => progress.update(bytes, totalBytes),
    isKept: true,
    onItem: onFault,
  })
}

async function ofStopped(
  context: Context,
  options: SettingsOptions,
  parts: Parts,
  task: Task,
): Promise<PinVerifyReport> {
  const storage = await openStopped(await stoppedStore(context, options, parts))
  try {
    return await verify(storage, task)
  } finally {
    await storage.close()
  }
}

/** Goes on first with what a kill cut short, as the next start would. */
async function verify(storage: Storage, { repair, progress, onFault }: Task): Promise<PinVerifyReport> {
  const [
    { createPins },
    { createBlocks },
    { createEvents },
    { createMemoryBudget },
    { silentLogger: log },
    { faultItem },
  ] = await Promise.all([
    import('../../../content/pins.ts'),
    import('../../../content/blocks.ts'),
    import('../../../events.ts'),
    import('../../../resources/byte-budget.ts'),
    import('../../../logger.ts'),
    import('../../../control/routes/storage.ts'),
  ])
  const blocks = createBlocks({ storage: storage.blocks, memory: createMemoryBudget(MEMORY_BYTES), log })
  const pins = createPins({ storage, blocks, events: createEvents(() => {}), log })
  try {
    await pins.start()
    return await pins.verify({
      repair,
      signal: interruption(),
      onProgress: ({ bytes, totalBytes }) => progress.update(bytes, totalBytes),
      onFault: async fault => onFault(faultItem(fault)),
    })
  } finally {
    await pins.stop()
  }
}

/** Of blocks that are read: one at a time. */
const MEMORY_BYTES = 8 * 1024 * 1024

function describe({ kind, cid, count, owners }: FaultItem): string {
  switch (kind) {
    case 'count':
      return `${cid}  is counted ${count} times, and has ${owners} owners`
    case 'release':
      return `${cid}  is let go and held, or neither`
    case 'links':
      return `${cid}  has other links than are kept of it`
    case 'pin':
      return `${cid}  is pinned and not counted, or counted and not pinned`
  }
}
