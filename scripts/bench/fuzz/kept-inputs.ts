import { hash } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Finding } from './trial.ts'

const DIRECTORY = join(import.meta.dirname, '../../../test/fixtures/fuzz')

export interface KeptInput {
  readonly name: string
  readonly bytes: Uint8Array
}

/** Inputs on which target `name` failed once: they are tried first, for ever. */
export async function keptInputs(name: string): Promise<KeptInput[]> {
  const directory = join(DIRECTORY, name)
  const files = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  return Promise.all(
    files
      .sort()
      .map(async file => ({ name: file, bytes: new Uint8Array(await readFile(join(directory, file))) })),
  )
}

/** Where the targets with kept inputs lie. */
export function targetsWithInputs(): Promise<string[]> {
  return readdir(DIRECTORY)
}

/** Keeps what failed; the path of the file. */
export async function keepInput({ target, kind, input }: Finding): Promise<string> {
  const directory = join(DIRECTORY, target)
  await mkdir(directory, { recursive: true })
  const path = join(directory, `${kind}-${hash('sha256', input).slice(0, 12)}.bin`)
  await writeFile(path, input)
  return path
}
