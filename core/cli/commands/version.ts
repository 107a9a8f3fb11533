import { isSea } from 'node:sea'
import type { Command } from 'commander'
import { readShippedFile } from '../../executable/shipped-file.ts'
import { contextOf, examples, print } from '../context.ts'
import { cliError } from '../errors.ts'
import { runsHere } from '../here.ts'
import { LICENSES_ASSET, readBuild, VERSION } from '../version.ts'

export function define(command: Command): void {
  runsHere(command, 'tells of the program here; `skep status` has the version of a node')
    .option('--licenses', 'print the licences of everything inside this executable')
    .addHelpText('after', examples('skep version --json'))
    .action(async ({ licenses }: { readonly licenses?: true }) => {
      const context = contextOf(command)
      if (licenses) {
        const text = await readLicenses()
        print(context, { licenses: text }, () => text.trimEnd())
        return
      }
      const value = {
        version: VERSION,
        ...readBuild(),
        node: process.versions.node,
        platform: `${process.platform}-${process.arch}`,
        runs: isSea() ? 'executable' : 'source',
      }
      print(context, value, () => VERSION)
    })
}

async function readLicenses(): Promise<string> {
  if (isSea()) return readShippedFile(LICENSES_ASSET)
  throw cliError('LICENSES_NOT_HERE', 'this skep runs from source, and holds no package but its own')
}
