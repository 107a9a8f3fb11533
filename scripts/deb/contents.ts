import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { ROOT } from '../package/settings.ts'
import { readCommandTree } from './command-tree.ts'
import { bashCompletion } from './completions/bash.ts'
import { fishCompletion } from './completions/fish.ts'
import { zshCompletion } from './completions/zsh.ts'
import { commandsManual } from './manual/commands.ts'
import { settingsManual } from './manual/settings.ts'

export const MAINTAINER = 'The skep authors <skep@packages.invalid>'

const PROFILES = ['pi-zero', 'pi-4', 'pi-5', 'server']

/** A file of the package. */
export interface PackageFile {
  /** Absolute, as installed. */
  readonly path: string
  readonly content: Uint8Array | string
  readonly isExecutable?: boolean
}

export interface ContentsOptions {
  /** Of the package: `0.1.0`, `0.2.0~rc.1`. */
  readonly version: string
  /** What is built is as old as its commit. */
  readonly date: Date
  readonly executable: Uint8Array
  readonly licenses: string
}

/** All that is installed. The same options give the same bytes. */
export async function packageFiles(options: ContentsOptions): Promise<PackageFile[]> {
  return [
    { path: '/usr/bin/skep', content: options.executable, isExecutable: true },
    { path: '/etc/skep/config.yaml', content: shipped('debian/config.yaml') },
    ...serviceFiles(),
    ...(await manualFiles(options)),
    ...(await completionFiles()),
    ...documentFiles(options),
  ]
}

function serviceFiles(): PackageFile[] {
  return [
    { path: '/usr/lib/systemd/system/skep.service', content: shipped('systemd/skep.service') },
    {
      path: '/usr/lib/systemd/system-generators/skep-generator',
      content: shipped('systemd/skep-generator'),
      isExecutable: true,
    },
    {
      path: '/usr/libexec/skep/take-invite',
      content: shipped('systemd/take-invite'),
      isExecutable: true,
    },
    ...PROFILES.map(profile => ({
      path: `/usr/share/skep/systemd/${profile}.conf`,
      content: shipped(`systemd/skep.service.d/${profile}.conf`),
    })),
    { path: '/usr/lib/sysusers.d/skep.conf', content: shipped('systemd/skep.sysusers') },
  ]
}

async function manualFiles({ version, date }: ContentsOptions): Promise<PackageFile[]> {
  const options = { version, date: date.toISOString().slice(0, 10) }
  return [
    {
      path: '/usr/share/man/man1/skep.1.gz',
      content: compressed(commandsManual(await readCommandTree(), options)),
    },
    { path: '/usr/share/man/man5/skep-config.5.gz', content: compressed(await settingsManual(options)) },
  ]
}

async function completionFiles(): Promise<PackageFile[]> {
  const commands = await readCommandTree()
  return [
    { path: '/usr/share/bash-completion/completions/skep', content: bashCompletion(commands) },
    { path: '/usr/share/fish/vendor_completions.d/skep.fish', content: fishCompletion(commands) },
    { path: '/usr/share/zsh/vendor-completions/_skep', content: zshCompletion(commands) },
  ]
}

function documentFiles({ version, date, licenses }: ContentsOptions): PackageFile[] {
  const doc = '/usr/share/doc/skep'
  const changes = readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8')
  return [
    { path: `${doc}/copyright`, content: shipped('debian/copyright') },
    { path: `${doc}/changelog.gz`, content: compressed(changelogEntry(version, date)) },
    { path: `${doc}/CHANGELOG.md.gz`, content: compressed(changes) },
    { path: `${doc}/THIRD-PARTY-LICENSES.txt.gz`, content: compressed(licenses) },
    { path: `${doc}/examples/usb-disk.conf`, content: shipped('systemd/usb-disk.conf') },
    { path: '/usr/share/lintian/overrides/skep', content: shipped('debian/lintian-overrides') },
  ]
}

/** As deb-changelog(5) wants it; what changed is told in the project's own. */
function changelogEntry(version: string, date: Date): string {
  const line = `skep (${version}) stable; urgency=medium`
  const day = date.toUTCString().replace('GMT', '+0000')
  return `${line}\n\n  * See /usr/share/doc/skep/CHANGELOG.md.gz.\n\n -- ${MAINTAINER}  ${day}\n`
}

function shipped(path: string): string {
  return readFileSync(join(ROOT, 'config', path), 'utf8')
}

function compressed(text: string): Uint8Array {
  return gzipSync(text, { level: 9 })
}
