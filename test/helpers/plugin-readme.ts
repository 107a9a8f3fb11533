import { readFile } from 'node:fs/promises'
import { createMetrics } from '../../core/metrics.ts'
import type { Plugin } from '../../core/plugin.ts'

/** What a plugin's README must name, word for word, and doesn't. Empty where all is told. */
export async function untold<C extends object, M>(
  plugin: Plugin<C, M>,
  errors: Readonly<Record<string, string>> = {},
): Promise<string[]> {
  const { name } = plugin.manifest
  const readme = await readFile(new URL(`../../plugins/${name}/README.md`, import.meta.url), 'utf8')
  const metrics = createMetrics()
  plugin.metrics(metrics.factory(name))
  return [
    ...keysOf(plugin.schema).flatMap(([key, doc]) => [`\`${key}\``, doc]),
    ...helpsOf(await metrics.text()).flatMap(([metric, help]) => [`\`${metric}\``, help]),
    ...Object.entries(errors).flatMap(([code, fix]) => [`\`${code}\``, fix]),
  ].filter(text => !readme.includes(text))
}

/** Dotted keys of a config schema, each with its doc. */
function keysOf(schema: object, prefix = ''): [key: string, doc: string][] {
  return Object.entries(schema).flatMap(([name, part]: [string, { doc?: unknown; format?: unknown }]) =>
    part.format !== undefined && typeof part.doc === 'string'
      ? [[`${prefix}${name}`, part.doc] as [string, string]]
      : keysOf(part, `${prefix}${name}.`),
  )
}

/** Names of metrics, each with its help, from Prometheus text. */
export function helpsOf(text: string): [name: string, help: string][] {
  return [...text.matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name = '', help = '']) => [name, help])
}
