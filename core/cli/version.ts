import { getAsset, isSea } from 'node:sea'
import manifest from '../../package.json' with { type: 'json' }

export const VERSION: string = manifest.version

/** Asset in which a build says what it was made of. */
export const BUILD_ASSET = 'build.json'

/** Asset with the licences of everything that an executable holds. */
export const LICENSES_ASSET = 'THIRD-PARTY-LICENSES.txt'

/** What `scripts/package.ts` writes into an executable. */
export interface Build {
  /** Full hash, with `+changes` where the tree had some. Null where no git tells. */
  readonly commit: string | null
}

/** What this program is made of. From source nothing says more than the checkout itself. */
export function readBuild(): Build {
  return isSea() ? (JSON.parse(getAsset(BUILD_ASSET, 'utf8')) as Build) : { commit: null }
}
