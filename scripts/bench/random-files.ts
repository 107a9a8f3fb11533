import { randomBytes, randomFillSync } from 'node:crypto'
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const MIB = 1024 * 1024

export function writeRandomFile(path: string, mebibytes: number): void {
  const file = openSync(path, 'w')
  const chunk = Buffer.allocUnsafe(MIB)
  for (let written = 0; written < mebibytes; written++) writeSync(file, randomFillSync(chunk))
  closeSync(file)
}

export interface TreeShape {
  readonly files: number
  readonly fileBytes: number
  readonly filesPerDirectory: number
}

/** Files of random bytes, in directories beneath `root`, which doesn't exist yet. */
export function writeRandomTree(root: string, { files, fileBytes, filesPerDirectory }: TreeShape): void {
  for (let file = 0; file < files; file++) {
    const directory = join(root, `d${Math.floor(file / filesPerDirectory)}`)
    if (file % filesPerDirectory === 0) mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, `f${file}`), randomBytes(fileBytes))
  }
}
