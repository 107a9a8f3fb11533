import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { ROOT } from '../package/settings.ts'
import { run } from '../package/tools.ts'
import { type ContentsOptions, MAINTAINER, type PackageFile, packageFiles } from './contents.ts'

const KiB = 1024
const SCRIPTS = ['postinst', 'prerm', 'postrm']

export interface DebOptions extends ContentsOptions {
  /** As Debian calls it. */
  readonly architecture: 'amd64' | 'arm64'
  /** Packing a hundred megabytes well takes a minute. Default: xz. */
  readonly compression?: 'xz' | 'none'
  /** The file to write. Its directory exists. */
  readonly output: string
}

/** Writes a Debian package. The same options give the same bytes. */
export async function buildDeb(options: DebOptions): Promise<void> {
  const { date, compression = 'xz', output } = options
  const files = await packageFiles(options)
  const staging = mkdtempSync(join(tmpdir(), 'skep-deb-'))
  try {
    chmodSync(staging, 0o755)
    for (const file of files) writeFile(staging, file)
    for (const file of controlFiles(options, files)) writeFile(staging, file)
    const args = ['--build', '--root-owner-group', `-Z${compression}`, staging, output]
    // dpkg-deb gives nothing a later time than this, and sorts by name: https://reproducible-builds.org
    run('env', [`SOURCE_DATE_EPOCH=${Math.floor(date.getTime() / 1000)}`, 'dpkg-deb', ...args])
  } finally {
    rmSync(staging, { recursive: true })
  }
}

function writeFile(root: string, { path, content, isExecutable = false }: PackageFile): void {
  const file = join(root, path)
  const mode = isExecutable ? 0o755 : 0o644
  makeDirectories(root, dirname(path))
  writeFileSync(file, content)
  chmodSync(file, mode)
}

/** Whatever the umask says. */
function makeDirectories(root: string, path: string): void {
  if (path === '/') return
  makeDirectories(root, dirname(path))
  const directory = join(root, path)
  mkdirSync(directory, { recursive: true })
  chmodSync(directory, 0o755)
}

/** https://www.debian.org/doc/debian-policy/ch-controlfields.html */
function controlFiles({ version, architecture }: DebOptions, files: readonly PackageFile[]): PackageFile[] {
  const installedKiB = files.reduce((sum, { content }) => sum + Math.ceil(content.length / KiB), 0)
  const fields: Readonly<Record<string, string>> = {
    VERSION: version,
    ARCHITECTURE: architecture,
    MAINTAINER,
    INSTALLED_KIB: String(installedKiB),
  }
  const control = template('control').replaceAll(/@(\w+)@/g, (_, name: string) => {
    const value = fields[name]
    if (value === undefined) throw new Error(`config/debian/control: no value for @${name}@`)
    return value
  })
  const sums = files.map(({ path, content }) => `${md5(content)}  ${path.slice(1)}\n`)
  return [
    { path: '/DEBIAN/control', content: control },
    { path: '/DEBIAN/conffiles', content: template('conffiles') },
    { path: '/DEBIAN/md5sums', content: sums.sort().join('') },
    ...SCRIPTS.map(name => ({ path: `/DEBIAN/${name}`, content: template(name), isExecutable: true })),
  ]
}

function md5(content: Uint8Array | string): string {
  return createHash('md5').update(content).digest('hex')
}

function template(name: string): string {
  return readFileSync(join(ROOT, 'config/debian', name), 'utf8')
}
