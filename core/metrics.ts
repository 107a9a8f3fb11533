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
  counter<L extends string = never>(options: MetricOptions<L>): Counter<L>
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
  /** Forgets the metrics of a scope, so that a plugin can start again. */
  drop(scope: string): void
}

export const Metrics: Token<Metrics> = token('metrics')

export function createMetrics(): Metrics {
  const registry = new Registry()
  const prefixOf = (scope: string): string => `skep_${scope.replaceAll('-', '_')}_`
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    factory(scope) {
      const prefix = prefixOf(scope)
      const base = <L extends string>({ name, help, labels = [] }: MetricOptions<L>) => ({
        name: prefix + name,
        help,
        labelNames: labels,
        registers: [registry],
      })
      return {
        counter: options => new Counter(base(options)),
        gauge: ({ collect, ...options }) =>
          new Gauge({
            ...base(options),
            ...(collect && {
              collect() {
                this.set(collect())
              },
            }),
          }),
        histogram: options => new Histogram({ ...base(options), buckets: options.buckets }),
      }
    },
    drop(scope) {
      const prefix = prefixOf(scope)
      for (const { name } of registry.getMetricsAsArray()) {
        if (name.startsWith(prefix)) registry.removeSingleMetric(name)
      }
    },
  }
}
