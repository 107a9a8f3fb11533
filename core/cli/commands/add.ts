import { constants, openSync, type Stats } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { Socket } from 'node:net'
import { basename, resolve } from 'node:path'
import type { Command } from 'commander'
import type { Progress } from '../../content/content.ts'
import type { SharedFile } from '../../control/shared-file.ts'
import { isSkepError } from '../../errors.ts'
import { printable } from '../../printable.ts'
import type { Client, Upload } from '../client.ts'
import { contextOf, examples, print } from '../context.ts'
import { cliError } from '../errors.ts'
import { interruption } from '../interrupt.ts'
import { nodeClient } from '../node-client.ts'
import { notEmpty } from '../options.ts'
import { progressLine } from '../progress.ts'
import type { ReadOptions } from '../tree-reader.ts'

interface Options extends ReadOptions {
  readonly quiet?: boolean
  readonly pin: boolean
  readonly name?: string
}

interface Added {
  readonly cid: string
  readonly size: number
  readonly files: number
}

/** What one argument stands for. */
interface Source {
  readonly label: string
  readonly upload: Upload
  /** A file that the node may be able to read itself. */
  readonly file?: SharedFile
  /** Of a single file. */
  readonly attributes?: { readonly mode?: number; readonly mtimeMs?: number }
  /** Content bytes, where they are known beforehand. */
  totalBytes(): Promise<number | undefined>
}

const STDIN = '-'

export function define(command: Command): void {
  command
    .argument(
      '[paths...]',
      'files and directories; - is stdin, which is also the default in a pipe',
      notEmpties,
    )
    .option('-q, --quiet', 'print the CID alone')
    .option('--no-pin', 'leave it to the cache instead of keeping it')
    .option('--name <text>', 'a name for the pin', notEmpty)
    .option('--hidden', 'take entries whose names begin with a dot, too')
    .option('--preserve-mode', 'keep permission bits; gives other CIDs than without')
    .option('--preserve-mtime', 'keep modification times; gives other CIDs than without')
    .addHelpText(
      'after',
      [
        examples('skep add photo.jpg', 'skep add photos --hidden --name photos', 'tar c src | skep add -q'),
        '',
        'Names and symlinks of a directory are always kept, entries whose names begin with a dot only with --hidden.',
        'Permissions and times are kept only when asked for: without them the CID is the one that other IPFS tools give.',
        'A symlink that is named on the command line is followed; those inside directories are not.',
      ].join('\n'),
    )
    .action(async (paths: readonly string[], options: Options) => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const signal = interruption()
      for (const path of pathsOrStdin(paths)) {
        const source = await sourceOf(path, options)
        using progress = progressLine(`adding ${printable(source.label)}`, context, {
          quiet: options.quiet ?? false,
        })
        const totalBytes = process.stderr.isTTY ? await source.totalBytes() : undefined
        const added = await add(client, source, options, {
          // Another board doesn't see the files of this one.
          isElsewhere: context.node !== undefined,
          signal,
          onBytes: bytes => progress.update(bytes, totalBytes),
        })
        progress[Symbol.dispose]()
        print(context, { ...added, path }, () =>
          options.quiet ? added.cid : `${added.cid}  ${printable(source.label)}`,
        )
      }
    })
}

function notEmpties(path: string, paths: readonly string[] = []): readonly string[] {
  return [...paths, notEmpty(path)]
}

function pathsOrStdin(paths: readonly string[]): readonly string[] {
  if (paths.length > 0) return paths
  if (process.stdin.isTTY)
    throw cliError('USAGE', 'nothing to add: name files or directories, or - for stdin')
  return [STDIN]
}

async function add(
  client: Client,
  { upload, file, attributes }: Source,
  { pin, name }: Options,
  {
    isElsewhere,
    signal,
    onBytes,
  }: { isElsewhere: boolean; signal: AbortSignal; onBytes(bytes: number): void },
): Promise<Added> {
  const operation = { method: 'POST', signal, onProgress: ({ bytes }: Progress) => onBytes(bytes) } as const
  const options = { pin, name, ...attributes }
  if (file && !isElsewhere) {
    try {
      return await client.operate<Added>({ ...operation, path: 'content/file', body: { file, ...options } })
    } catch (error) {
      if (!isSkepError(error, 'FILE_NOT_SHARED') && !isSkepError(error, 'ROUTE_NOT_FOUND')) throw error
    }
  }
  return client.operate<Added>({ ...operation, path: 'content', query: options, body: upload })
}

async function sourceOf(path: string, options: Options): Promise<Source> {
  if (path === STDIN) return streamSource('stdin', process.stdin)
  const { attributes, readable, readFileBytes } = await import('../tree-reader.ts')
  const label = basename(resolve(path))
  // What is named is followed; from here on no symlink is.
  const stats = await readable(path, path => stat(path))
  if (stats.isFIFO()) return streamSource(label, readPipe(path))
  if (!stats.isFile() && !stats.isDirectory())
    throw cliError('INPUT_UNSUPPORTED', `${printable(path)} is neither file, directory nor pipe`)
  const place = await readable(path, path => realpath(path))
  if (stats.isDirectory()) return directorySource(place, label, options)
  const { sharedFileOf } = await import('../../control/shared-file.ts')
  const file = sharedFileOf(place, await readable(place, path => stat(path, { bigint: true })))
  return { ...fileSource(label, stats, readFileBytes(place, stats), attributes(stats, options)), file }
}

/**
 * Reads a named pipe to its end. As a socket: a plain `open` sits in a thread until somebody writes, and a process can't
 * exit while a thread sits.
 */
async function* readPipe(path: string): AsyncGenerator<Uint8Array, void, void> {
  const { readable } = await import('../tree-reader.ts')
  const fd = await readable(path, async path => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK))
  yield* new Socket({ fd, readable: true, writable: false })
}

function streamSource(label: string, bytes: AsyncIterable<Uint8Array>): Source {
  return { label, upload: { type: 'application/octet-stream', bytes }, totalBytes: async () => undefined }
}

function fileSource(
  label: string,
  stats: Stats,
  bytes: AsyncIterable<Uint8Array>,
  attributes: NonNullable<Source['attributes']>,
): Source {
  return { ...streamSource(label, bytes), attributes, totalBytes: async () => stats.size }
}

async function directorySource(path: string, label: string, options: Options): Promise<Source> {
  const [{ encodeTar }, { readTree, treeBytes }] = await Promise.all([
    import('../../control/tar.ts'),
    import('../tree-reader.ts'),
  ])
  return {
    label,
    upload: { type: 'application/x-tar', bytes: encodeTar(readTree(path, options)) },
    totalBytes: () => treeBytes(path, options),
  }
}
