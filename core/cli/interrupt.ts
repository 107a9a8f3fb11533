import { cliError } from './errors.ts'

/**
 * Aborted by the first SIGINT or SIGTERM, so that a command cleans up and ends. A second one ends the
 * process at once.
 */
export function interruption(): AbortSignal {
  const controller = new AbortController()
  const onSignal = (signal: NodeJS.Signals): void => {
    if (controller.signal.aborted) endProcess(1)
    controller.abort(cliError('INTERRUPTED', `interrupted by ${signal}`))
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return controller.signal
}

/** Ends the process. That waits for system calls under way: should one hang, the next signal ends it for the system's part. */
export function endProcess(code: number): never {
  for (const signal of ['SIGINT', 'SIGTERM']) process.removeAllListeners(signal)
  process.exit(code)
}
