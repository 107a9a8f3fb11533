import { type ConfigProblem, clip } from './errors.ts'
import { nearest } from './nearest.ts'
import { type Source, singleValue } from './source.ts'

const PREFIX = 'SKEP_'

/** Variables that the command line and the benchmarks read themselves. They are no config keys. */
const RESERVED: ReadonlySet<string> = new Set([
  'SKEP_DATA',
  'SKEP_SOCKET',
  'SKEP_NODE',
  'SKEP_CONFIG',
  'SKEP_DEBUG',
  'SKEP_BENCH_DIRECTORY',
])

/** The variable of a key: `storage.maxBytes` is `SKEP_STORAGE_MAX_BYTES`, `plugins.cache.enabled` is `SKEP_PLUGINS_CACHE_ENABLED`. */
export function envName(key: string): string {
  const words = key.replace(/([a-z0-9])([A-Z])/g, '$1_$2').replace(/[.-]/g, '_')
  return PREFIX + words.toUpperCase()
}

/**
 * A source for each variable in `env` that names one of `keys`. An empty variable counts as unset.
 *
 * Unknown variables are problems, except beneath the `open` keys: sections whose keys aren't known.
 */
export function readEnv(
  env: Readonly<Record<string, string | undefined>>,
  keys: Iterable<string>,
  open: Iterable<string>,
  baseDirectory: string,
): { sources: Source[]; problems: ConfigProblem[] } {
  const keysByName = Map.groupBy(keys, envName)
  const openPrefixes = Array.from(open, key => `${envName(key)}_`)
  const sources: Source[] = []
  const problems: ConfigProblem[] = []

  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(PREFIX) || RESERVED.has(name) || !value) continue
    const origin = { layer: 'env', name } as const
    const [key, ...others] = keysByName.get(name) ?? []
    if (key === undefined) {
      if (openPrefixes.some(prefix => name.startsWith(prefix))) continue
      problems.push({
        kind: 'unknown',
        origin,
        message: 'names no key',
        nearest: nearest(name, keysByName.keys()),
      })
    } else if (others.length > 0) {
      const message = `names several keys (${clip([key, ...others].join(', '))}): use --set`
      problems.push({ kind: 'unknown', origin, message })
    } else {
      sources.push(singleValue(key, value, origin, baseDirectory))
    }
  }
  return { sources, problems }
}
