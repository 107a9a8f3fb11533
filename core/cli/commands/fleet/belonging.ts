import type { Command } from 'commander'
import { fleetError } from '../../../fleet/errors.ts'
import type { LeftFleet } from '../../../fleet/fleet.ts'
import type { FleetStatus } from '../../../fleet/fleet-status.ts'
import { printable } from '../../../printable.ts'
import { contextOf, examples, print } from '../../context.ts'
import { runsHere } from '../../here.ts'
import { interruption } from '../../interrupt.ts'
import { nodeClient } from '../../node-client.ts'
import { notEmpty } from '../../options.ts'
import { readSecret } from './secret-text.ts'
import { describeStatus } from './status.ts'

const BOARD_NAME = 'what this board is called in the fleet; default: its host name'

export function defineCreate(command: Command): void {
  runsHere(command, 'makes an owner key, which stays on the board where it is made')
    .description('make a fleet; its owner key is made on this board and stays here')
    .argument('<name>', 'any short text', notEmpty)
    .option('--board <name>', BOARD_NAME, notEmpty)
    .addHelpText('after', examples('skep fleet create home && skep fleet backup-key -o home.key'))
    .action(async (name: string, { board }: { board?: string }) => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const status = await client.operate<FleetStatus>({
        method: 'POST',
        path: 'fleet',
        body: { name, board },
        signal: interruption(),
      })
      print(
        context,
        status,
        () => `${describeStatus(status)}\nKeep a backup of its key: skep fleet backup-key -o FILE`,
      )
    })
}

export function defineJoin(command: Command): void {
  runsHere(command, 'is for a board that is in no fleet yet')
    .description('join the fleet that an invite is for')
    .argument('<invite>', 'what `skep fleet invite` printed; - reads it from stdin', notEmpty)
    .option('--name <name>', `${BOARD_NAME}; a name in the invite wins`, notEmpty)
    .addHelpText('after', examples('skep fleet join skep-invite-…', 'skep fleet join - < invite.txt'))
    .action(async (given: string, { name }: { name?: string }) => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const status = await client.operate<FleetStatus>({
        method: 'POST',
        path: 'fleet/join',
        body: { invite: given === '-' ? await readSecret(process.stdin, noInvite) : given, name },
        signal: interruption(),
      })
      print(context, status, () => describeStatus(status))
    })
}

export function defineLeave(command: Command): void {
  runsHere(command, 'would cut its own way; `skep fleet remove` takes a board out')
    .description('leave the fleet; connected operators take the board off the roster')
    .option('--delete-key', 'also delete the owner key, where it is on this board')
    .addHelpText('after', examples('skep fleet leave'))
    .action(async ({ deleteKey = false }: { deleteKey?: boolean }) => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const left = await client.operate<LeftFleet>({
        method: 'DELETE',
        path: 'fleet',
        query: { deleteKey },
        signal: interruption(),
      })
      print(
        context,
        left,
        () => `left ${printable(left.name)}${left.told > 0 || left.others === 0 ? '' : UNHEARD}`,
      )
    })
}

function noInvite(why: string): Error {
  return fleetError('INVITE_INVALID', `stdin has no invite: ${why}`)
}

const UNHEARD = '; no operator was connected to hear it: have one run `skep fleet remove` for this board'
