import type { PluginStatus } from '../state/node-state.ts'

/** How the boot went for one plugin. */
export interface PluginReport {
  readonly name: string
  /** Empty where it isn't loaded. */
  readonly version: string
  readonly state: PluginStatus['state']
  /** Why it doesn't run. */
  readonly reason?: string
  /** What the person reading it can do. */
  readonly fix?: string
  /** How long `start()` took. */
  readonly startMs?: number
}

/** How the boot went: every failure at once. */
export interface BootReport {
  /** True where every enabled plugin runs. */
  readonly ok: boolean
  readonly plugins: readonly PluginReport[]
  /** The same for people, a few lines. */
  readonly text: string
}

/** What needs attention comes first. */
const ORDER: readonly PluginStatus['state'][] = [
  'failed',
  'blocked',
  'registered',
  'starting',
  'stopped',
  'running',
  'disabled',
]

/** `plugins` in start order, which is kept within a state. */
export function bootReport(plugins: readonly PluginReport[]): BootReport {
  const ok = plugins.every(({ state }) => state === 'running' || state === 'disabled')
  return { ok, plugins, text: format(plugins) }
}

function format(plugins: readonly PluginReport[]): string {
  const byState = Map.groupBy(plugins, plugin => plugin.state)
  const states = ORDER.filter(state => byState.has(state))
  const summary = states.map(state => `${byState.get(state)?.length} ${state}`).join(', ') || 'none'
  const rows = states.flatMap(state => byState.get(state) ?? [])
  const stateWidth = Math.max(...states.map(state => state.length))
  const nameWidth = Math.max(...rows.map(row => title(row).length))
  const lines = rows.flatMap(row => {
    const { state, reason, fix, startMs } = row
    const took = startMs === undefined ? '' : `${startMs} ms`
    const head = `  ${state.padEnd(stateWidth)}  ${title(row).padEnd(nameWidth)}  ${reason ?? took}`
    return fix ? [head, `${' '.repeat(stateWidth + 4)}fix: ${fix}`] : [head]
  })
  return [`plugins: ${summary}`, ...lines.map(line => line.trimEnd())].join('\n')
}

function title({ name, version }: PluginReport): string {
  return `${name} ${version}`.trim()
}
