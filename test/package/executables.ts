import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Architecture, CACHE, ROOT, readSettings } from '../../scripts/package/settings.ts'
import { missingTools, toolsFor } from '../../scripts/package/tools.ts'

const run = promisify(execFile)

/** Where `npm run package` puts it. */
export function fileOf(architecture: Architecture): string {
  return join(readSettings().outputDirectory, `skep-linux-${architecture}`)
}

const builds = new Map<Architecture, Promise<readonly string[]>>()

/**
 * Makes the executable unless it is up to date, and tells the command that runs it here. Once a process, and one process at a
 * time: others wait.
 */
export function build(architecture: Architecture): Promise<readonly string[]> {
  const started = builds.get(architecture) ?? runBuild(architecture)
  builds.set(architecture, started)
  return started
}

async function runBuild(architecture: Architecture): Promise<readonly string[]> {
  mkdirSync(CACHE, { recursive: true })
  const script = [process.execPath, join(ROOT, 'scripts/package.ts'), '--arch', architecture]
  await run('flock', [join(CACHE, 'lock'), ...script])
  return [...toolsFor(architecture).runner, fileOf(architecture)]
}

/** Why executables can't be made here, for a test to skip with. In CI a test that lacks what it needs has to fail. */
export function executablesMissing(...architectures: readonly Architecture[]): string | false {
  if (process.env.CI === 'true') return false
  if (process.platform !== 'linux') return 'executables are made on Linux'
  return architectures.map(missingTools).find(reason => reason !== undefined) ?? false
}
