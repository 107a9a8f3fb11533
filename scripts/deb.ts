/** Makes Debian packages of the executables, which are brought up to date first: `npm run deb [-- --arch x64|arm64]`. */
import { execFileSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { LICENSES_ASSET, VERSION } from '../core/cli/version.ts'
import { buildDeb, type DebOptions } from './deb/build.ts'
import { writeChecksums } from './package/checksums.ts'
import { ARCHITECTURES, type Architecture, ROOT, readSettings } from './package/settings.ts'

const DEBIAN_NAMES: Readonly<Record<Architecture, DebOptions['architecture']>> = {
  x64: 'amd64',
  arm64: 'arm64',
}

async function main({ arch }: { readonly arch?: Architecture }): Promise<void> {
  const { outputDirectory } = readSettings()
  execFileSync(process.execPath, [join(ROOT, 'scripts/package.ts'), ...(arch ? ['--arch', arch] : [])], {
    stdio: 'inherit',
  })
  // Before a release there is none: 0.2.0-rc.1 comes before 0.2.0.
  const version = VERSION.replace('-', '~')
  for (const one of arch ? [arch] : ARCHITECTURES) {
    const architecture = DEBIAN_NAMES[one]
    const output = join(outputDirectory, `skep_${version}_${architecture}.deb`)
    await buildDeb({
      version,
      architecture,
      date: commitDate(),
      executable: readFileSync(join(outputDirectory, `skep-linux-${one}`)),
      licenses: readFileSync(join(outputDirectory, LICENSES_ASSET), 'utf8'),
      output,
    })
    console.log(`${output}: ${(statSync(output).size / 1e6).toFixed(1)} MB`)
  }
  writeChecksums(outputDirectory)
}

/** SOURCE_DATE_EPOCH where it is set, else when HEAD was committed: https://reproducible-builds.org/specs/source-date-epoch */
function commitDate(): Date {
  const epoch =
    process.env.SOURCE_DATE_EPOCH ??
    execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: ROOT, encoding: 'utf8' })
  return new Date(Number(epoch) * 1000)
}

await new Command('deb')
  .addOption(new Option('--arch <name>', 'only this one').choices(ARCHITECTURES))
  .action(main)
  .parseAsync()
