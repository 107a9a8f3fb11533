import type { Plugin } from '../core/plugin.ts'

/** A plugin as its module gives it. Its config and metrics types are its own business. */
type PluginModule = { readonly default: Plugin<never, never> }

/** The plugins that come with skep: name -> import. Literal imports, so that a bundle carries them all. */
export const catalogue: Readonly<Record<string, () => Promise<PluginModule>>> = {
  cache: () => import('./cache/index.ts'),
  discovery: () => import('./discovery/index.ts'),
  exchange: () => import('./exchange/index.ts'),
  monitoring: () => import('./monitoring/index.ts'),
}
