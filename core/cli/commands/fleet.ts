import type { Command } from 'commander'
import { examples } from '../context.ts'
import { defineCreate, defineJoin, defineLeave } from './fleet/belonging.ts'
import { defineInvite } from './fleet/invite.ts'
import { defineBackupKey, defineRestoreKey } from './fleet/keys.ts'
import { defineDelegate, defineMembers, defineRemove } from './fleet/members.ts'
import { defineStatus, showStatus } from './fleet/status.ts'

export function define(command: Command): void {
  // Without a subcommand, it tells how things are.
  command
    .allowExcessArguments()
    .action(async () => {
      const [unknown] = command.args
      if (unknown !== undefined) command.error(`error: unknown command '${unknown}'`)
      await showStatus(command)
    })
    .addHelpText(
      'after',
      examples(
        'skep fleet create home           # on the first board, which then has the owner key',
        'skep fleet backup-key -o home.key',
        'skep fleet invite                # prints an invite, and a code to scan',
        'skep fleet join skep-invite-…    # on the next board',
        'skep fleet members',
      ),
    )
  defineStatus(command.command('status'))
  defineCreate(command.command('create'))
  defineInvite(command.command('invite'))
  defineJoin(command.command('join'))
  defineMembers(command.command('members'))
  defineRemove(command.command('remove'))
  defineDelegate(command.command('delegate'))
  defineLeave(command.command('leave'))
  defineBackupKey(command.command('backup-key'))
  defineRestoreKey(command.command('restore-key'))
}
