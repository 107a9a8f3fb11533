import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { type Token, token } from './container.ts'

export type { Counter, Gauge, Histogram } from 'prom-client'

interface MetricOptions<L extends string> {
  /** Snake case with its unit: `_bytes`, `_seconds`, `_total`. The prefix `skep_<plugin>_` is added. */
  readonly name: string
  readonly help: string
  /** Closed sets only: a peer id or a CID is never a label. */
  readonly labels?: readonly L[]
}

/** Makes a plugin's metrics; every name gets its prefix and lands in the node's one registry. */
export interface MetricFactory {
  /** `collect` is asked at scrape time for a running total that something else already keeps. */
  counter<L extends string = never>(options: MetricOptions<L> & { collect?(): number }): Counter<L>
  /** `collect` is asked at scrape time, for values that something else already keeps. */
  gauge<L extends string = never>(options: MetricOptions<L> & { collect?(): number }): Gauge<L>
  histogram<L extends string = never>(options: MetricOptions<L> & { buckets: number[] }): Histogram<L>
}

/** The node's metrics registry, as Prometheus text. */
export interface Metrics {
  readonly contentType: string
  text(): Promise<string>
  /** Metrics of one owner: `skep_<scope>_…`. */
  factory(scope: string): MetricFactory
  /** Forgets the metrics of a scope, so that a plugin can start again. Those of `cache-warm` aren't those of `cache`. */
  drop(scope: string): void
}

export const Metrics: Token<Metrics> = token('metrics')

/** `onCollectError` hears of a metric whose `collect` threw: that metric is left out of the text, the others are not. */
export function createMetrics(onCollectError: (error: unknown, metric: string) => void = () => {}): Metrics {
  const registry = new Registry()
  const namesByScope = new Map<string, string[]>()

  const collectInto = (metric: Gauge | Counter, name: string, collect: () => number): void => {
    try {
      const value = collect()
      metric.reset()
      metric.inc(value)
    } catch (error) {
      metric.remove()
      onCollectError(error, name)
    }
  }

  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    factory(scope) {
      const prefix = `skep_${scope.replaceAll('-', '_')}_`
      const names = namesByScope.get(scope) ?? []
      namesByScope.set(scope, names)
      const base = <L extends string>({ name, help, labels = [] }: MetricOptions<L>) => ({
        name: prefix + name,
        help,
        labelNames: labels,
        registers: [registry],
      })
      const keep = <M>(metric: M, { name }: { name: string }): M => {
        names.push(prefix + name)
        return metric
      }
      return {
        counter: ({ collect, ...options }) =>
          keep(
            new Counter({
              ...base(options),
              ...(collect && {
                collect() {
                  collectInto(this as Counter, options.name, collect)
                },
              }),
            }),
            options,
          ),
        gauge: ({ collect, ...options }) =>
          keep(
            new Gauge({
              ...base(options),
              ...(collect && {
                collect() {
                  collectInto(this as Gauge, options.name, collect)
                },
              }),
            }),
            options,
          ),
        histogram: options => keep(new Histogram({ ...base(options), buckets: options.buckets }), options),
      }
    },
    drop(scope) {
      for (const name of namesByScope.get(scope) ?? []) registry.removeSingleMetric(name)
      namesByScope.delete(scope)
    },
  }
}
