import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const CHECKSUMS = 'SHA256SUMS'

/** Writes `SHA256SUMS` for all there is in `directory`, as `sha256sum -c` reads it. Drafts are left out. */
export function writeChecksums(directory: string): void {
  const names = readdirSync(directory, { withFileTypes: true })
    .filter(entry => entry.isFile() && entry.name !== CHECKSUMS && !entry.name.endsWith('.draft'))
    .map(({ name }) => name)
  const lines = names.sort().map(name => `${sha256OfFile(join(directory, name))}  ${name}\n`)
  writeFileSync(join(directory, CHECKSUMS), lines.join(''))
}

export function sha256OfFile(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}
