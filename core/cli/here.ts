import type { Command } from 'commander'
import { cliError } from './errors.ts'

/**
 * Marks a command as one that can't be run on another board, unless with an option that `except` names. `why` completes
 * "it …".
 */
export function runsHere(command: Command, why: string, { except }: { except?: string } = {}): Command {
  return command.hook('preAction', () => {
    const options = command.optsWithGlobals()
    if (options.node === undefined || (except !== undefined && options[except])) return
    const how =
      command.getOptionValueSourceWithGlobals('node') === 'env' ? 'unset SKEP_NODE' : 'leave --node out'
    throw cliError('USAGE', `${pathOf(command)} cannot be run on another board: it ${why}; ${how}`)
  })
}

function pathOf(command: Command): string {
  const { parent } = command
  return parent?.parent ? `${pathOf(parent)} ${command.name()}` : command.name()
}
