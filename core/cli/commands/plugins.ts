import type { Command } from 'commander'
import type { PluginStatus } from '../../state/node-state.ts'
import { contextOf, examples, printAll } from '../context.ts'
import { table } from '../format.ts'
import { nodeClient } from '../node-client.ts'

export function define(command: Command): void {
  command
    .addHelpText('after', examples('skep plugins', 'skep plugins --json | jq -r .name'))
    .action(async () => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const plugins = await client.get<readonly PluginStatus[]>('plugins')
      printAll(context, plugins, () => describe(plugins))
    })
}

function describe(plugins: readonly PluginStatus[]): string {
  if (plugins.length === 0) return 'no plugins'
  return table([
    ['PLUGIN', 'VERSION', 'STATE', 'HEALTH', 'REASON'],
    ...plugins.map(({ name, version, state, health }) => [
      name,
      version,
      state,
      health.status,
      health.reason ?? '',
    ]),
  ])
}
