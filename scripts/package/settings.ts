import { globSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'

export const ROOT = resolve(import.meta.dirname, '../..')

/** What is worth keeping between builds. */
export const CACHE = resolve(ROOT, 'node_modules/.cache/skep')

export const ARCHITECTURES = ['x64', 'arm64'] as const
export type Architecture = (typeof ARCHITECTURES)[number]

/** `pkg.json`: the part of @yao-pkg/pkg's schema that we read. https://yao-pkg.github.io/pkg/ */
interface PkgJson {
  readonly targets: readonly string[]
  readonly outputPath: string
  /** Globs. */
  readonly assets: readonly string[]
  readonly seaConfig: Readonly<Record<string, unknown>>
}

export interface Target {
  readonly architecture: Architecture
  /** Exact version, as `package-lock.json` has it. */
  readonly nodeVersion: string
}

export interface Settings {
  readonly targets: readonly Target[]
  /** Absolute. */
  readonly outputDirectory: string
  /** Paths in the repository, sorted. */
  readonly assets: readonly string[]
  readonly seaConfig: Readonly<Record<string, unknown>>
}

/** What `npm` installed, or would install on another machine. */
interface LockedPackage {
  readonly version: string
  /** Of the tarball, as `sha512-…`. https://www.w3.org/TR/SRI/ */
  readonly integrity: string
}

export function readSettings(): Settings {
  const { targets, outputPath, assets, seaConfig } = readJson<PkgJson>('pkg.json')
  return {
    targets: targets.map(readTarget),
    outputDirectory: resolve(ROOT, outputPath),
    assets: assets.flatMap(filesOf).sort(),
    seaConfig,
  }
}

/** Of this machine. @throws Error where we make no executable for it */
export function hostArchitecture(): Architecture {
  const host = ARCHITECTURES.find(architecture => architecture === process.arch)
  if (!host || process.platform !== 'linux') {
    throw new Error(`there is no executable for ${process.platform}-${process.arch}`)
  }
  return host
}

export function lockedPackage(name: string): LockedPackage {
  const { packages } = readJson<{ packages: Record<string, LockedPackage> }>('package-lock.json')
  const locked = packages[`node_modules/${name}`]
  if (!locked) throw new Error(`package-lock.json has no ${name}`)
  return locked
}

function readTarget(target: string): Target {
  const [, major, name] = /^node(\d+)-linux-(\w+)$/.exec(target) ?? []
  const architecture = ARCHITECTURES.find(known => known === name)
  if (!architecture) throw new Error(`pkg.json: expected targets like node24-linux-x64, got ${target}`)
  const nodeVersion = lockedPackage(`node-linux-${architecture}`).version
  if (nodeVersion.split('.')[0] !== major) {
    throw new Error(`pkg.json wants ${target}, and package-lock.json has Node ${nodeVersion}`)
  }
  return { architecture, nodeVersion }
}

function filesOf(pattern: string): string[] {
  const files = globSync(pattern, { cwd: ROOT })
  if (files.length === 0) throw new Error(`pkg.json: no file matches ${pattern}`)
  return files
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(resolve(ROOT, path), 'utf8')) as T
}
