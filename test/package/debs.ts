import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildDeb, type DebOptions } from '../../scripts/deb/build.ts'
import { readSettings } from '../../scripts/package/settings.ts'
import { build, fileOf } from './executables.ts'

/** A package of today's executable for x64. */
export async function buildTestDeb(
  directory: string,
  options: Partial<Pick<DebOptions, 'version'>> = {},
): Promise<string> {
  await build('x64')
  const { version = '0.1.0' } = options
  const output = join(directory, `skep_${version}_amd64.deb`)
  await buildDeb({
    version,
    architecture: 'amd64',
    date: new Date('2026-01-31T12:00:00Z'),
    executable: readFileSync(fileOf('x64')),
    licenses: readFileSync(join(readSettings().outputDirectory, 'THIRD-PARTY-LICENSES.txt'), 'utf8'),
    compression: 'none',
    output,
  })
  return output
}
