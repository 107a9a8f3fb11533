import { pluginConformance } from 'skep/conformance'
import t from 'tap'
import plugin from '../fixtures/plugins/nameplate.ts'

pluginConformance(t, { plugin, config: { text: 'kitchen shelf' } })
