import { type Command, Option } from 'commander'
import type { MadeInvite } from '../../../fleet/fleet.ts'
import { DEFAULT_INVITE_MS, MAX_INVITE_MS, MIN_INVITE_MS } from '../../../fleet/invite-limits.ts'
import { contextOf, examples, print } from '../../context.ts'
import { formatDuration } from '../../format.ts'
import { interruption } from '../../interrupt.ts'
import { nodeClient } from '../../node-client.ts'
import { durationBetween, notEmpty } from '../../options.ts'

interface InviteOptions {
  readonly expires: number
  readonly name?: string
  readonly qr: boolean
  readonly cancelAll?: boolean
}

export function defineInvite(command: Command): void {
  command
    .description('make an invite: one board can join with it, once, until it expires')
    .addOption(
      new Option('--expires <duration>', 'such as 1h or 7d; from 1s to 30d')
        .argParser(durationBetween(MIN_INVITE_MS, MAX_INVITE_MS))
        .default(DEFAULT_INVITE_MS, '24h'),
    )
    .option('--name <name>', 'what the board that comes with it is called', notEmpty)
    .option('--no-qr', 'print no code to scan on a terminal')
    .option('--cancel-all', 'make none, and cancel those made on this board that nobody used')
    .addHelpText(
      'after',
      examples(
        'skep fleet invite --name kitchen --expires 1h',
        '# on a card, for a board that has fleet.inviteFile: /boot/firmware/skep-invite.txt',
        'skep fleet invite --json | jq -r .invite > /media/bootfs/skep-invite.txt',
      ),
    )
    .action(async ({ expires, name, qr, cancelAll }: InviteOptions) => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const call = { path: 'fleet/invites', signal: interruption() }
      if (cancelAll) {
        const result = await client.operate<{ cancelled: number }>({ ...call, method: 'DELETE' })
        print(context, result, () => `cancelled ${result.cancelled}`)
        return
      }
      const made = await client.operate<MadeInvite>({
        ...call,
        method: 'POST',
        body: { expiresInMs: expires, name },
      })
      const code = qr && process.stdout.isTTY && !context.json ? `${await codeOf(made.invite)}\n` : ''
      print(context, made, () => `${code}${made.invite}`)
      if (process.stderr.isTTY && !context.json)
        process.stderr.write(`for one board, within ${formatDuration(expires)}; whoever has it can join\n`)
    })
}

/** As half blocks, two rows a line. */
async function codeOf(text: string): Promise<string> {
  const { renderUnicodeCompact } = await import('uqr')
  return renderUnicodeCompact(text, { ecc: 'L' })
}
