import { basename, join } from 'node:path'
import type { Command } from 'commander'
import type { TreeEntry } from '../../control/tar.ts'
import { printable } from '../../printable.ts'
import { contextOf, examples, print } from '../context.ts'
import { cliError } from '../errors.ts'
import { formatBytes } from '../format.ts'
import { interruption } from '../interrupt.ts'
import { nodeClient } from '../node-client.ts'
import { notEmpty } from '../options.ts'
import { counted, LOOKING, progressLine } from '../progress.ts'

interface Options {
  readonly output?: string
  readonly force?: boolean
}

export function define(command: Command): void {
  command
    .argument('<path>', 'CID, CID/a/b, /ipfs/CID/a/b or ipfs://CID/a/b', notEmpty)
    .option(
      '-o, --output <path>',
      'where to write it; with a closing / into that directory (default: the last part of the path)',
      notEmpty,
    )
    .option('--force', 'replace what is there, a file by a file and a directory by a directory')
    .addHelpText(
      'after',
      [
        examples('skep get CID -o photos', 'skep get CID/2024/summer.jpg'),
        '',
        'The output gets its name when it is complete and on disk; a command that fails leaves nothing. What has arrived',
        'stays with the node, so that a repeated command goes on where the first one ended. Permissions that were added',
        'with --preserve-mode are set, without set-id bits; otherwise files get 0644 and directories 0755, less the umask.',
        '',
        'What is there is replaced with --force alone; a file then goes where a symlink leads, as with cp. A device or named',
        'pipe is never replaced: the bytes of a file are written into it as they come (into a disk with --force alone).',
      ].join('\n'),
    )
    .action(async (path: string, { output, force = false }: Options) => {
      const [
        { decodeTar },
        { checkReplaceable, writeAtomically },
        { isDevice, writeToDevice },
        { writeTree },
      ] = await Promise.all([
        import('../../control/tar.ts'),
        import('../atomic-output.ts'),
        import('../device-output.ts'),
        import('../tree-writer.ts'),
      ])
      const context = contextOf(command)
      const place = placeOf(output, path)
      using progress = progressLine(`getting ${printable(basename(place))}`, context, { waiting: LOOKING })
      let totalBytes: number | undefined
      let written = { files: 0, bytes: 0 }
      const client = await nodeClient(context)
      const signal = interruption()
      const archive = client.download('content/export', {
        query: { path },
        signal,
        onTotal(bytes) {
          totalBytes = bytes
        },
      })
      const bytes = counted(archive, count => progress.update(count, totalBytes))
      if (await isDevice(place, { force })) {
        written = await writeToDevice(withoutRootName(decodeTar(bytes)), place, { force, signal })
      } else {
        // Told before the rest arrives.
        const onRoot = async ({ type }: TreeEntry): Promise<void> => {
          if (force) await checkReplaceable(place, type)
        }
        await writeAtomically(place, { force }, async temporary => {
          written = await writeTree(withoutRootName(decodeTar(bytes), onRoot), temporary)
        })
      }
      progress[Symbol.dispose]()
      print(context, { path, output: place, ...written }, () => {
        const files = written.files === 1 ? '1 file' : `${written.files} files`
        return `${printable(place)}: ${files}, ${formatBytes(written.bytes)}`
      })
    })
}

/** Into a directory that is named as one: `photos/`, `.` or `..`. */
function placeOf(output: string | undefined, path: string): string {
  if (output === undefined) return nameOf(path)
  return /(^|\/)\.{0,2}$/.test(output) ? join(output, nameOf(path)) : output
}

function nameOf(path: string): string {
  const name = path.split('/').findLast(part => part !== '')
  if (!name || name === '.' || name === '..') {
    throw cliError('USAGE', `${printable(path)} has no name to write to: choose one with -o`)
  }
  return name
}

/** The node puts everything beneath one name; here the root has the empty path. */
async function* withoutRootName(
  entries: AsyncIterable<TreeEntry>,
  onRoot?: (root: TreeEntry) => Promise<void>,
): AsyncGenerator<TreeEntry, void, void> {
  let root: string | undefined
  for await (const entry of entries) {
    if (root === undefined) {
      await onRoot?.(entry)
      root = entry.path
      yield { ...entry, path: '' }
    } else if (entry.path.startsWith(`${root}/`)) {
      yield { ...entry, path: entry.path.slice(root.length + 1) }
    } else {
      throw cliError('OUTPUT_REFUSED', `the entry ${printable(entry.path)} is outside of ${printable(root)}`)
    }
  }
}
