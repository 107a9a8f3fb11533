import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { getAsset, isSea } from 'node:sea'

/**
 * The text of a file that comes with skep, by its path in the repository: an asset of the executable, or the file beside
 * the source. `pkg.json` lists those that an executable carries.
 */
export async function readShippedFile(path: string): Promise<string> {
  return isSea() ? getAsset(path, 'utf8') : readFile(resolve(import.meta.dirname, '../..', path), 'utf8')
}
