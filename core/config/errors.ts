import { defineErrors, SkepError } from '../errors.ts'
import { describeOrigin, type Origin } from './source.ts'

export const configError = defineErrors({
  CONFIG_INVALID: 'Correct what is listed and start again; `skep config docs` tells every key.',
  PLUGIN_UNKNOWN:
    'Correct the name, or say where a plugin of your own is: plugins.<name>.module: <path or package>.',
  PLUGIN_INVALID: 'See "Write a plugin" in the README: a module exports definePlugin({ … }) as default.',
})

/**
 * - `syntax`: not YAML, or YAML that a config doesn't take.
 * - `file`: a file that can't be read.
 * - `unknown`: no such key, plugin or variable.
 * - `type`, `range`: a value that its key doesn't take.
 * - `plugin`: a plugin that can't be loaded, or that refuses its config.
 */
export type ProblemKind = 'syntax' | 'file' | 'unknown' | 'type' | 'range' | 'plugin'

/** One thing that is wrong, and where. */
export interface ConfigProblem {
  readonly kind: ProblemKind
  /** Dotted; absent where no key is at fault. */
  readonly key?: string
  /** Absent where nobody said it: a schema's own fault. */
  readonly origin?: Origin
  /** What is wrong, what was expected and what was there; a clause that follows the key and its place. */
  readonly message: string
  /** The nearest valid key, plugin or variable. */
  readonly nearest?: string
}

/** More than this many in one file are noise: the rest are counted. */
const MAX_LISTED = 20

/** Everything that is wrong with a configuration, at once. */
export class ConfigError extends SkepError<'CONFIG_INVALID'> {
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    const sorted = byPlace(problems)
    super('CONFIG_INVALID', describeProblems(sorted), configError.fixes.CONFIG_INVALID)
    this.name = 'ConfigError'
    this.problems = sorted
  }
}

/** Those of one file together, as one goes through it from its top. */
function byPlace(problems: readonly ConfigProblem[]): ConfigProblem[] {
  const line = ({ origin }: ConfigProblem): number => origin?.line ?? 0
  const files = Map.groupBy(problems, ({ origin }) => origin?.file)
  return [...files.values()].flatMap(inFile => inFile.sort((a, b) => line(a) - line(b)))
}

function describeProblems(problems: readonly ConfigProblem[]): string {
  const count = problems.length === 1 ? 'A problem' : `${problems.length} problems`
  const lines = problems.slice(0, MAX_LISTED).map(describeProblem)
  if (problems.length > MAX_LISTED) lines.push(`and ${problems.length - MAX_LISTED} more`)
  return [`${count} in the configuration:`, ...lines].join('\n  ')
}

function describeProblem({ key, origin, message, nearest }: ConfigProblem): string {
  const place = origin && describeOrigin(origin)
  // An option's place is its key.
  const subject = key === origin?.name ? undefined : key && clip(key)
  const hint = nearest ? `; did you mean ${nearest}?` : ''
  return [place, subject, message + hint].filter(part => part !== undefined).join(': ')
}

const MAX_SHOWN_CHARACTERS = 60

/** Foreign text, kept short and on one line. */
export function clip(text: string): string {
  const line = text.replace(/\p{Cc}/gu, ' ')
  return line.length > MAX_SHOWN_CHARACTERS ? `${line.slice(0, MAX_SHOWN_CHARACTERS)}…` : line
}
