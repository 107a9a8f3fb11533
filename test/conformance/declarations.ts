import { fragmentFault } from '../../core/config/fragment.ts'
import { keysOf, type SchemaKey, type SchemaTree } from '../../core/config/schema.ts'
import { nameOf, type Token } from '../../core/container.ts'
import type { MetricFactory } from '../../core/metrics.ts'
import type { Health, PluginManifest } from '../../core/plugin.ts'

const KEBAB_CASE = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/
/** Shows in tables and file names. */
const MAX_NAME_CHARACTERS = 40
/** https://semver.org/#is-there-a-suggested-regular-expression-regex-to-check-a-semver-string, without its groups. */
const SEMVER =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$/

/** What is wrong with a manifest; one sentence each. */
export function manifestProblems({ name, version, requires, wants, provides }: PluginManifest): string[] {
  const problems: string[] = []
  if (!KEBAB_CASE.test(name)) problems.push(`the name "${name}" isn't kebab-case`)
  if (name.length > MAX_NAME_CHARACTERS)
    problems.push(`the name "${name}" has more than ${MAX_NAME_CHARACTERS} characters`)
  if (!SEMVER.test(version)) problems.push(`the version "${version}" isn't semantic (https://semver.org)`)
  const lists = { requires, wants, provides }
  for (const [list, tokens] of Object.entries(lists)) {
    for (const token of tokens) {
      if (!Symbol.keyFor(token)) problems.push(`${list} has ${String(token)}, which token() didn't make`)
    }
    for (const token of repeated(tokens)) problems.push(`${list} has ${nameOf(token)} twice`)
  }
  for (const [list, other] of [
    ['requires', 'wants'],
    ['requires', 'provides'],
    ['wants', 'provides'],
  ] as const) {
    const both = lists[list].filter(token => lists[other].includes(token))
    problems.push(...both.map(token => `${nameOf(token)} is in ${list} and in ${other}`))
  }
  return problems
}

function repeated(tokens: readonly Token<unknown>[]): Token<unknown>[] {
  return tokens.filter((token, index) => tokens.indexOf(token) !== index)
}

const SENTENCE = /[.!?]$/

/** What is wrong with a schema; one sentence each. */
export function schemaProblems(schema: object): string[] {
  const tree = schema as SchemaTree
  const fault = fragmentFault(tree)
  if (fault) return [fault]
  return [...keysOf(tree)].flatMap(([name, key]) => keyProblems(name, key))
}

function keyProblems(name: string, { doc, format, unit, min, max }: SchemaKey<unknown>): string[] {
  const problems: string[] = []
  if (!SENTENCE.test(doc)) problems.push(`the doc of ${name} isn't a sentence: "${doc}"`)
  const isCount = format === 'integer' || format === 'number'
  if (isCount && !unit) problems.push(`${name} has no unit: what does the number count?`)
  if ((isCount || format === 'bytes' || format === 'duration') && (min === undefined || max === undefined)) {
    problems.push(`${name} has no range: give it a min and a max`)
  }
  if (format === 'bytes' && !/bytes/i.test(name)) problems.push(`${name} holds bytes: say so in its name`)
  if (format === 'duration' && !/ms$/i.test(name))
    problems.push(`${name} holds milliseconds: end its name in Ms`)
  return problems
}

/** What a plugin asked of a {@link MetricFactory}. */
export interface DeclaredMetric {
  readonly kind: keyof MetricFactory
  readonly name: string
  readonly help: string
  readonly labels?: readonly string[]
}

/** A factory that makes the real metrics and writes down what was asked for. */
export function recordMetrics(factory: MetricFactory, declared: DeclaredMetric[]): MetricFactory {
  return {
    counter(options) {
      declared.push({ kind: 'counter', ...options })
      return factory.counter(options)
    },
    gauge(options) {
      declared.push({ kind: 'gauge', ...options })
      return factory.gauge(options)
    },
    histogram(options) {
      declared.push({ kind: 'histogram', ...options })
      return factory.histogram(options)
    },
  }
}

const METRIC_NAME = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/
/** Values without end: each would be a time series of its own, kept for ever. */
const ENDLESS_LABEL = /^(peer|peer_?id|cid|hash|address|addr|path|key)$/i

/** What is wrong with a plugin's metrics; one sentence each. */
export function metricProblems(metrics: readonly DeclaredMetric[], plugin: string): string[] {
  return metrics.flatMap(({ kind, name, help, labels = [] }) => {
    const problems: string[] = []
    if (!METRIC_NAME.test(name)) problems.push(`metric ${name} isn't snake_case`)
    if (name.startsWith('skep_') || name.startsWith(`${plugin.replaceAll('-', '_')}_`)) {
      problems.push(`metric ${name} repeats its prefix: skep_<plugin>_ comes by itself`)
    }
    if (!SENTENCE.test(help)) problems.push(`the help of metric ${name} isn't a sentence: "${help}"`)
    if ((kind === 'counter') !== name.endsWith('_total')) {
      problems.push(`metric ${name} is a ${kind}: counters, and only they, end in _total`)
    }
    const endless = labels.filter(label => ENDLESS_LABEL.test(label))
    problems.push(...endless.map(label => `metric ${name} has the label ${label}, whose values have no end`))
    return problems
  })
}

/** What is wrong with an answer of `health()`; one sentence each. */
export function healthProblems(health: Health): string[] {
  if (health instanceof Promise) return ['health() gives a promise: it must answer at once']
  const { status, reason } = health ?? {}
  if (!['ok', 'degraded', 'failed'].includes(status)) return [`health() gives the status ${status}`]
  return status !== 'ok' && !reason ? [`health() is ${status} and gives no reason`] : []
}
