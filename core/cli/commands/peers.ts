import type { Command } from 'commander'
import { examples } from '../context.ts'
import { defineBlock, defineBlocks, defineUnblock } from './peers/blocks.ts'
import { defineConnect, defineDisconnect } from './peers/connections.ts'
import { defineForget } from './peers/forget.ts'
import { defineList, list } from './peers/list.ts'
import { definePardon } from './peers/pardon.ts'
import { defineShow } from './peers/show.ts'
import { defineTag, defineUntag } from './peers/tags.ts'
import { defineWhy } from './peers/why.ts'

export function define(command: Command): void {
  // Without a subcommand, it lists.
  command
    .allowExcessArguments()
    .action(async () => {
      const [unknown] = command.args
      if (unknown !== undefined) command.error(`error: unknown command '${unknown}'`)
      await list(command)
    })
    .addHelpText(
      'after',
      examples(
        'skep peers',
        'skep peers show PEER',
        'skep peers tag PEER backup --value 80',
        'skep peers block 192.0.2.0/24',
      ),
    )
  defineList(command.command('ls'))
  defineShow(command.command('show'))
  defineConnect(command.command('connect').description('connect to a peer'))
  defineDisconnect(command.command('disconnect'))
  defineTag(command.command('tag'))
  defineUntag(command.command('untag'))
  defineBlock(command.command('block'))
  defineUnblock(command.command('unblock'))
  defineBlocks(command.command('blocks'))
  defineWhy(command.command('why'))
  definePardon(command.command('pardon'))
  defineForget(command.command('forget'))
}
