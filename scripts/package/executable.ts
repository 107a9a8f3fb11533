import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { HEAP_FLAGS } from '../../core/cli/heap-flags.ts'
import { ADDON_ASSET } from '../../core/executable/addon-asset.ts'
import { npmPackage } from './npm-package.ts'
import { CACHE, ROOT, type Settings, type Target } from './settings.ts'
import { run, toolsFor } from './tools.ts'

/** https://nodejs.org/docs/latest-v24.x/api/single-executable-applications.html */
const BLOB_NAME = 'NODE_SEA_BLOB'
const BLOB_FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'
const POSTJECT = fileURLToPath(import.meta.resolve('postject/dist/cli.js'))
/**
 * V8 orders names by hashes with a random seed, and writes its code cache in that order. The only flag of the kind that may
 * differ when the cache is read: `core/decisions/0007-executable.md`.
 */
const REPRODUCIBLE = '--random-seed=1'
/** Stack traces show this name, and the code cache holds it: the same wherever the build runs. */
const MAIN = 'skep.cjs'

export interface Contents {
  /** Code of {@link MAIN}. */
  readonly code: string
  /** Texts that no file in the repository holds: name -> content. */
  readonly texts: Readonly<Record<string, string>>
}

/** Makes an executable at `output`, which appears whole or not at all. */
export async function makeExecutable(
  { architecture }: Target,
  { code, texts }: Contents,
  { assets, seaConfig }: Settings,
  output: string,
): Promise<void> {
  const { runner, strip } = toolsFor(architecture)
  const node = join(npmPackage(`node-linux-${architecture}`), 'bin/node')
  const addon = join(npmPackage(`@lmdb/lmdb-linux-${architecture}`), 'node.napi.glibc.node')
  mkdirSync(CACHE, { recursive: true })
  const work = mkdtempSync(join(CACHE, 'build-'))
  const inWork = (name: string): string => join(work, name)
  try {
    writeFileSync(inWork(MAIN), code)
    for (const [name, text] of Object.entries(texts)) writeFileSync(inWork(name), text)
    run(strip, ['-o', inWork(ADDON_ASSET), addon])
    run(strip, ['-o', inWork('skep'), node])
    const config = {
      ...seaConfig,
      main: MAIN,
      output: 'blob',
      execArgv: HEAP_FLAGS,
      execArgvExtension: 'env',
      assets: {
        ...Object.fromEntries(assets.map(asset => [asset, join(ROOT, asset)])),
        ...Object.fromEntries([ADDON_ASSET, ...Object.keys(texts)].map(name => [name, name])),
      },
    }
    writeFileSync(inWork('sea.json'), JSON.stringify(config))
    // By the Node that will run it: V8 takes a code cache from none but its like.
    const [program, ...args] = [...runner, node, REPRODUCIBLE, '--experimental-sea-config', 'sea.json']
    run(program, args, work)
    // As a program, because it warns of section names that `strip` took, to no end.
    run(process.execPath, [POSTJECT, inWork('skep'), BLOB_NAME, inWork('blob'), '--sentinel-fuse', BLOB_FUSE])
    chmodSync(inWork('skep'), 0o755)
    // The output may be on another file system, where a rename can't go.
    const draft = `${output}.draft`
    copyFileSync(inWork('skep'), draft)
    renameSync(draft, output)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
