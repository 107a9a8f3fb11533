import { cliError } from './errors.ts'

/**
 * Aborted by the first SIGINT or SIGTERM, so that a command cleans up and ends. A second one ends the
 * process at once.
 */
export function interruption(): AbortSignal {
  const controller = new AbortController()
  const onSignal = (signal: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(1)
    controller.abort(cliError('INTERRUPTED', `interrupted by ${signal}`))
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return controller.signal
}
