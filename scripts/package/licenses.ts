import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { npmPackage } from './npm-package.ts'
import { ROOT } from './settings.ts'

const RULE = '='.repeat(80)

interface PackageManifest {
  readonly name: string
  readonly version: string
  readonly license?: string
  readonly author?: string | { readonly name: string }
  readonly repository?: string | { readonly url: string }
}

/**
 * The licences of `packageFolders`, of lmdb's addon and of Node itself, each text once, below whom it is of. A package without
 * a text is named with what its manifest says.
 */
export function licensesOf(packageFolders: readonly string[]): string {
  const holders = new Map<string, string[]>()
  for (const folder of packageFolders) {
    const manifest = manifestOf(folder)
    for (const text of licenseTexts(folder, manifest)) {
      holders.set(text, [...(holders.get(text) ?? []), titleOf(manifest)])
    }
  }
  // The same for every architecture.
  const node = npmPackage(`node-linux-${process.arch}`)
  holders.set(readText(join(node, 'LICENSE')), [`Node.js ${manifestOf(node).version}`])
  const sections = Array.from(holders, ([text, names]) => `${[...new Set(names)].join('\n')}\n\n${text}`)
  return [
    'This executable holds the work of others, under these licences.',
    ...sections.map(section => `${RULE}\n${section}`),
  ].join('\n\n')
}

/** Of the package and of foreign code in it, such as LMDB itself in lmdb. */
function licenseTexts(folder: string, manifest: PackageManifest): string[] {
  const files = globSync('**/{LICEN[CS]E,COPYING,COPYRIGHT,NOTICE}*', {
    cwd: join(ROOT, folder),
    exclude: name => name === 'node_modules',
  })
  const texts = files
    .filter(file => !/\.(js|ts|json|map)$/.test(file))
    .sort()
    .map(file => readText(join(ROOT, folder, file)))
  return texts.length > 0 ? texts : declaredLicense(manifest)
}

/** What the manifest says, and the text that this stands for where we may choose MIT. */
function declaredLicense({ name, license, author, repository }: PackageManifest): string[] {
  if (!license) throw new Error(`${name} names no licence, so it can't be shipped`)
  const by = typeof author === 'object' ? author.name : author
  const at = typeof repository === 'object' ? repository.url : repository
  const lines = [`Its manifest declares: ${license}.`, by && `Author: ${by}.`, at && `Source: ${at}`]
  const declared = `${lines.filter(Boolean).join('\n')}\n`
  return /\bMIT\b/.test(license) ? [declared, readText(join(import.meta.dirname, 'mit.txt'))] : [declared]
}

function manifestOf(folder: string): PackageManifest {
  return JSON.parse(readFileSync(resolve(ROOT, folder, 'package.json'), 'utf8'))
}

function titleOf({ name, version }: PackageManifest): string {
  return `${name} ${version}`
}

function readText(path: string): string {
  return `${readFileSync(path, 'utf8').replaceAll('\r\n', '\n').trim()}\n`
}
