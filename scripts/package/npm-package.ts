import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { CACHE, lockedPackage, ROOT } from './settings.ts'
import { run } from './tools.ts'

/**
 * The folder of a package as `package-lock.json` pins it: the installed one, or, for another system than this, one that npm
 * fetches into a cache, checked against the integrity of the lockfile.
 */
export function npmPackage(name: string): string {
  const { version, integrity } = lockedPackage(name)
  const installed = join(ROOT, 'node_modules', name)
  if (existsSync(join(installed, 'package.json'))) return installed
  const folder = join(CACHE, `${name.replaceAll('/', '-')}-${version}`)
  if (!existsSync(folder)) fetchPackage(`${name}@${version}`, integrity, folder)
  return folder
}

/** `folder` appears with all of it or not at all. */
function fetchPackage(spec: string, integrity: string, folder: string): void {
  mkdirSync(CACHE, { recursive: true })
  const work = mkdtempSync(join(CACHE, 'fetch-'))
  try {
    const [packed] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', work, spec]))
    const tarball = join(work, packed.filename)
    const [algorithm = '', expected] = integrity.split(/-(.*)/s)
    const found = createHash(algorithm).update(readFileSync(tarball)).digest('base64')
    if (found !== expected)
      throw new Error(`${spec}: expected ${integrity}, and npm brought ${algorithm}-${found}`)
    run('tar', ['-xzf', tarball, '-C', work])
    renameSync(join(work, 'package'), folder)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
