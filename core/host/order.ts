import { nameOf, type Token } from '../container.ts'
import type { PluginManifest } from '../plugin.ts'

export interface StartPlan<P> {
  /** Each plugin after all that it requires or wants; ties by name. Empty where there are problems. */
  readonly order: readonly P[]
  /** What must be mended before anything can start: one line each, all of them, sorted. */
  readonly problems: readonly string[]
}

interface Planned {
  readonly manifest: PluginManifest
}

/**
 * Puts plugins in the order to start them in. `isCore` tells what is there without any plugin. The result doesn't depend
 * on the order of `plugins`. A token that nobody provides is no problem of the plan: the host blocks who requires it.
 */
export function planStart<P extends Planned>(
  plugins: readonly P[],
  isCore: (token: Token<unknown>) => boolean,
): StartPlan<P> {
  const sorted = plugins.toSorted((a, b) => compare(a.manifest.name, b.manifest.name))
  const providers = providersOf(sorted)
  const { order, cycles } = walk(sorted, providers)
  const problems = [...repeatedNames(sorted), ...contestedTokens(providers, isCore), ...cycles].sort()
  return { order: problems.length === 0 ? order : [], problems }
}

function providersOf<P extends Planned>(plugins: readonly P[]): Map<Token<unknown>, P[]> {
  const providers = new Map<Token<unknown>, P[]>()
  for (const plugin of plugins) {
    for (const token of new Set(plugin.manifest.provides)) {
      providers.set(token, [...(providers.get(token) ?? []), plugin])
    }
  }
  return providers
}

function repeatedNames(plugins: readonly Planned[]): string[] {
  const counts = Map.groupBy(plugins, plugin => plugin.manifest.name)
  return [...counts]
    .filter(([, same]) => same.length > 1)
    .map(([name, same]) => `${same.length} plugins are named ${name}`)
}

function contestedTokens(
  providers: ReadonlyMap<Token<unknown>, readonly Planned[]>,
  isCore: (token: Token<unknown>) => boolean,
): string[] {
  return [...providers].flatMap(([token, plugins]) => {
    const names = [...(isCore(token) ? ['the core'] : []), ...plugins.map(plugin => plugin.manifest.name)]
    return names.length > 1 ? [`${nameOf(token)} is provided by ${names.join(' and by ')}`] : []
  })
}

/** Depth first. `path` is where the walk stands: meeting one of its own plugins again closes a cycle. */
function walk<P extends Planned>(
  plugins: readonly P[],
  providers: ReadonlyMap<Token<unknown>, readonly P[]>,
) {
  const order: P[] = []
  const cycles: string[] = []
  const done = new Set<P>()
  const path: P[] = []
  const visit = (plugin: P): void => {
    if (done.has(plugin)) return
    if (path.includes(plugin)) {
      cycles.push(`cycle: ${closed(path.slice(path.indexOf(plugin))).join(' -> ')}`)
      return
    }
    path.push(plugin)
    for (const dependency of dependenciesOf(plugin, providers)) visit(dependency)
    path.pop()
    done.add(plugin)
    order.push(plugin)
  }
  for (const plugin of plugins) visit(plugin)
  return { order, cycles }
}

function dependenciesOf<P extends Planned>(
  { manifest }: P,
  providers: ReadonlyMap<Token<unknown>, readonly P[]>,
): P[] {
  const tokens = [...manifest.requires, ...manifest.wants]
  const found = new Set(tokens.flatMap(token => providers.get(token) ?? []))
  return [...found].sort((a, b) => compare(a.manifest.name, b.manifest.name))
}

/** The names around a cycle, from the first by name back to itself. */
function closed(cycle: readonly Planned[]): string[] {
  const names = cycle.map(plugin => plugin.manifest.name)
  const first = names.indexOf(names.toSorted(compare)[0] ?? '')
  return [...names.slice(first), ...names.slice(0, first + 1)]
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
