import type { Command } from 'commander'
import { contextOf, examples, print } from '../context.ts'
import { VERSION } from '../version.ts'

export function define(command: Command): void {
  command.addHelpText('after', examples('skep version --json')).action(() => {
    const value = {
      version: VERSION,
      node: process.versions.node,
      platform: `${process.platform}-${process.arch}`,
    }
    print(contextOf(command), value, () => VERSION)
  })
}
