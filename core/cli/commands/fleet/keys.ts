import type { Command } from 'commander'
import { fleetError } from '../../../fleet/errors.ts'
import type { FleetStatus } from '../../../fleet/fleet-status.ts'
import { printable } from '../../../printable.ts'
import { contextOf, examples, print } from '../../context.ts'
import { runsHere } from '../../here.ts'
import { interruption } from '../../interrupt.ts'
import { nodeClient } from '../../node-client.ts'
import { notEmpty } from '../../options.ts'
import { readSecret, readSecretFile, writeSecretFile } from './secret-text.ts'
import { describeStatus } from './status.ts'

export function defineBackupKey(command: Command): void {
  runsHere(command, 'gives out the owner key, which goes over no network')
    .description('give out the owner key, to be kept where no board is: who has it owns the fleet')
    .option('-o, --output <file>', 'a new file that you alone can read; default: stdout', notEmpty)
    .addHelpText('after', examples('skep fleet backup-key -o /media/usb/home.key'))
    .action(async ({ output }: { output?: string }) => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const { key } = await client.operate<{ key: string }>({
        method: 'POST',
        path: 'fleet/key/backup',
        signal: interruption(),
      })
      if (output === undefined) return print(context, { key }, () => key)
      await writeSecretFile(output, key)
      print(context, { output }, () => `the owner key is in ${output}; keep it where no board is`)
    })
}

export function defineRestoreKey(command: Command): void {
  runsHere(command, 'takes the owner key, which goes over no network')
    .description('bring the owner key from a backup to this board, which is a member')
    .argument('<file>', 'what `skep fleet backup-key` wrote; - is stdin', notEmpty)
    .addHelpText('after', examples('skep fleet restore-key /media/usb/home.key'))
    .action(async (file: string) => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const noKey = (why: string): Error =>
        fleetError(
          'OWNER_KEY_INVALID',
          `${file === '-' ? 'stdin' : printable(file)} has no owner key: ${why}`,
        )
      const key = await (file === '-' ? readSecret(process.stdin, noKey) : readSecretFile(file, noKey))
      const status = await client.operate<FleetStatus>({
        method: 'POST',
        path: 'fleet/key',
        body: { key },
        signal: interruption(),
      })
      print(context, status, () => describeStatus(status))
    })
}
