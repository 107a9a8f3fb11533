import type { Catalogue } from '../core/config/load-plugin.ts'

/** The plugins that come with skep: name -> import. Literal imports, so that a bundle carries them all. */
export const catalogue: Catalogue = {
  cache: () => import('./cache/index.ts'),
  discovery: () => import('./discovery/index.ts'),
  exchange: () => import('./exchange/index.ts'),
  monitoring: () => import('./monitoring/index.ts'),
  nat: () => import('./nat/index.ts'),
  reputation: () => import('./reputation/index.ts'),
  routing: () => import('./routing/index.ts'),
  verification: () => import('./verification/index.ts'),
}
