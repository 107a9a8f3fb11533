/**
 * Makes the single executables that `pkg.json` lists, with the licences of what is inside and checksums of it all. What is up
 * to date is left alone: an executable follows from the bundle, its assets and the tools, and nothing else.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, globSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { BUILD_ASSET, type Build, LICENSES_ASSET } from '../core/cli/version.ts'
import { makeBundle } from './package/bundle.ts'
import { sha256OfFile, writeChecksums } from './package/checksums.ts'
import { type Contents, makeExecutable } from './package/executable.ts'
import { licensesOf } from './package/licenses.ts'
import { ARCHITECTURES, CACHE, ROOT, readSettings, type Settings, type Target } from './package/settings.ts'
import { missingTools } from './package/tools.ts'

/** So that a download and a card's worth of copies stay small, whatever is added. */
const MAX_FILE_BYTES = 125_000_000

interface Options {
  readonly arch?: string
  readonly force?: boolean
}

async function main({ arch, force = false }: Options): Promise<void> {
  const settings = readSettings()
  const targets = settings.targets.filter(({ architecture }) => arch === undefined || architecture === arch)
  const lacks = targets
    .map(({ architecture }) => missingTools(architecture))
    .find(reason => reason !== undefined)
  if (lacks) throw new Error(lacks)

  const { code, packageFolders } = await makeBundle()
  const licenses = licensesOf(packageFolders)
  const build = JSON.stringify({ commit: readCommit() } satisfies Build)
  const contents = { code, texts: { [BUILD_ASSET]: build, [LICENSES_ASSET]: licenses } }

  const { outputDirectory } = settings
  mkdirSync(outputDirectory, { recursive: true })
  writeFileSync(join(outputDirectory, LICENSES_ASSET), licenses)
  for (const target of targets) {
    const output = join(outputDirectory, `skep-linux-${target.architecture}`)
    await refresh(target, contents, settings, output, force)
    const { size } = statSync(output)
    if (size > MAX_FILE_BYTES) throw new Error(`${output} has ${size} bytes, more than ${MAX_FILE_BYTES}`)
    console.log(`${output}: ${(size / 1e6).toFixed(1)} MB`)
  }
  writeChecksums(outputDirectory)
}

/** Makes `output` unless it is what the last build made of the same. */
async function refresh(
  target: Target,
  contents: Contents,
  settings: Settings,
  output: string,
  force: boolean,
): Promise<void> {
  const stampFile = join(CACHE, `skep-linux-${target.architecture}.stamp`)
  const key = keyOf(target, contents, settings)
  const isFresh = (): boolean =>
    existsSync(output) &&
    existsSync(stampFile) &&
    readFileSync(stampFile, 'utf8') === `${key} ${sha256OfFile(output)}`
  if (!force && isFresh()) return
  await makeExecutable(target, contents, settings, output)
  writeFileSync(stampFile, `${key} ${sha256OfFile(output)}`)
}

function keyOf(target: Target, contents: Contents, { assets, seaConfig }: Settings): string {
  const hash = createHash('sha256').update(JSON.stringify([target, contents, seaConfig]))
  const files = [...assets, 'package-lock.json', ...globSync('scripts/package/*', { cwd: ROOT }).sort()]
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(join(ROOT, file)))
  return hash.digest('hex')
}

/** Nothing where this is no clone, or there is no git. */
function readCommit(): string | null {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    return `${git('rev-parse', 'HEAD')}${git('status', '--porcelain', '--untracked-files=no') ? '+changes' : ''}`
  } catch {
    return null
  }
}

await new Command('package')
  .description('Makes the single executables in dist/.')
  .addOption(new Option('--arch <name>', 'one of them alone').choices(ARCHITECTURES))
  .option('--force', 'make them even where they are up to date')
  .action(main)
  .parseAsync()
