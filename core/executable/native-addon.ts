/**
 * Stands for `node-gyp-build-optional-packages` inside an executable (`scripts/package/bundle.ts`), by which lmdb finds its
 * addon: a shared library, which the system loads from files alone.
 */
import { closeSync } from 'node:fs'
import { getRawAsset } from 'node:sea'
import { messageOf } from '../errors.ts'
import { ADDON_ASSET } from './addon-asset.ts'
import { cacheDirectoryOf, ensureOwnDirectory } from './cache-directory.ts'
import { executableError } from './errors.ts'
import { openUnpacked, removeStale } from './unpacked-file.ts'

const NAME = 'lmdb'

/** Unpacks the addon, or verifies what was unpacked before, and loads it. @throws SkepError */
export default function loadAddon(): unknown {
  const user = process.geteuid?.() ?? 0
  const content = new Uint8Array(getRawAsset(ADDON_ASSET))
  const directory = ensureOwnDirectory(cacheDirectoryOf(process.env), user)
  const file = openUnpacked(directory, NAME, content, user)
  try {
    const module = { exports: {} }
    // By its descriptor: what was verified is what is loaded.
    process.dlopen(module, `/proc/self/fd/${file}`)
    return module.exports
  } catch (error) {
    const message = `the storage library in ${directory} does not load: ${messageOf(error)}`
    throw executableError('ADDON_UNUSABLE', message, { cause: error })
  } finally {
    closeSync(file)
    removeStale(directory, NAME, content, Date.now())
  }
}
