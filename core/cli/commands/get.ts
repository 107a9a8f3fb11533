import { basename } from 'node:path'
import type { Command } from 'commander'
import { printable } from '../../control/printable.ts'
import type { TreeEntry } from '../../control/tar.ts'
import { contextOf, examples, print } from '../context.ts'
import { cliError } from '../errors.ts'
import { formatBytes } from '../format.ts'
import { interruption } from '../interrupt.ts'
import { nodeClient } from '../node-client.ts'
import { counted, progressLine } from '../progress.ts'

interface Options {
  readonly output?: string
  readonly force?: boolean
}

export function define(command: Command): void {
  command
    .argument('<path>', 'CID, CID/a/b, /ipfs/CID/a/b or ipfs://CID/a/b')
    .option('-o, --output <path>', 'where to write it (default: the last part of the path)')
    .option('--force', 'replace what is there')
    .addHelpText(
      'after',
      [
        examples('skep get CID -o photos', 'skep get CID/2024/summer.jpg'),
        '',
        'The output gets its name when it is complete and on disk; a command that fails leaves nothing. What has arrived',
        'stays with the node, so that a repeated command goes on where the first one ended. Permissions that were added',
        'with --preserve-mode are set, without set-id bits; otherwise files get 0644 and directories 0755, less the umask.',
      ].join('\n'),
    )
    .action(async (path: string, { output, force = false }: Options) => {
      const [{ decodeTar }, { writeAtomically }, { writeTree }] = await Promise.all([
        import('../../control/tar.ts'),
        import('../atomic-output.ts'),
        import('../tree-writer.ts'),
      ])
      const context = contextOf(command)
      const place = output ?? nameOf(path)
      using progress = progressLine(`getting ${printable(basename(place))}`, context)
      let totalBytes: number | undefined
      let written = { files: 0, bytes: 0 }
      const client = await nodeClient(context)
      const archive = client.download('content/export', {
        query: { path },
        signal: interruption(),
        onTotal(bytes) {
          totalBytes = bytes
        },
      })
      await writeAtomically(place, { force }, async temporary => {
        const bytes = counted(archive, count => progress.update(count, totalBytes))
        written = await writeTree(withoutRootName(decodeTar(bytes)), temporary)
      })
      progress[Symbol.dispose]()
      print(context, { path, output: place, ...written }, () => {
        const files = written.files === 1 ? '1 file' : `${written.files} files`
        return `${printable(place)}: ${files}, ${formatBytes(written.bytes)}`
      })
    })
}

function nameOf(path: string): string {
  const name = path.split('/').findLast(part => part !== '')
  if (!name || name === '.' || name === '..') {
    throw cliError('USAGE', `${printable(path)} has no name to write to: choose one with -o`)
  }
  return name
}

/** The node puts everything beneath one name; here the root has the empty path. */
async function* withoutRootName(entries: AsyncIterable<TreeEntry>): AsyncGenerator<TreeEntry, void, void> {
  let root: string | undefined
  for await (const entry of entries) {
    if (root === undefined) {
      root = entry.path
      yield { ...entry, path: '' }
    } else if (entry.path.startsWith(`${root}/`)) {
      yield { ...entry, path: entry.path.slice(root.length + 1) }
    } else {
      throw cliError('OUTPUT_REFUSED', `the entry ${printable(entry.path)} is outside of ${printable(root)}`)
    }
  }
}
