import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

/** SHA-256 of a file, as hex. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

/** One line for each entry beneath `root`, sorted: type, permission bits, path, and content hash or link target. */
export async function describeTree(root: string): Promise<string[]> {
  const lines: string[] = []
  const visit = async (path: string): Promise<void> => {
    for (const { name } of await readdir(join(root, path), { withFileTypes: true })) {
      const relative = join(path, name)
      const absolute = join(root, relative)
      const stats = await lstat(absolute)
      const mode = (stats.mode & 0o7777).toString(8)
      if (stats.isSymbolicLink()) {
        lines.push(`symlink ${relative} -> ${await readlink(absolute)}`)
      } else if (stats.isDirectory()) {
        lines.push(`directory ${mode} ${relative}`)
        await visit(relative)
      } else {
        lines.push(`file ${mode} ${relative} ${await hashFile(absolute)}`)
      }
    }
  }
  await visit('')
  return lines.sort()
}
