import t from 'tap'
import type { Plugin } from '../../core/plugin.ts'
import { catalogue } from '../../plugins/catalogue.ts'
import { pluginConformance } from './plugin.ts'

/** What can't be as it comes where several nodes share a machine. */
const CONFIG: Readonly<Record<string, object>> = {
  monitoring: { port: 0 },
  nat: { upnp: { enabled: false } },
}

for (const [name, load] of Object.entries(catalogue)) {
  const plugin = (await load()).default as Plugin
  pluginConformance(t, { plugin, config: CONFIG[name] ?? {} })
}
