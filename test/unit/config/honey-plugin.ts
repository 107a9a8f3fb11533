import { definePlugin } from '../../../core/plugin.ts'

export interface HoneyConfig {
  readonly maxBytes: number
  readonly lowBytes: number
  readonly flowers: readonly string[]
  readonly strategy: 'near' | 'far'
  readonly store: string | undefined
  readonly flight: { readonly speed: number }
}

/** A plugin with keys of every shape, and a check that spans two of them. Only its config matters. */
export default definePlugin<HoneyConfig, object>({
  manifest: { name: 'honey', version: '1.0.0', requires: [], wants: [], provides: [] },
  schema: {
    maxBytes: { doc: 'How much | how heavy.', format: 'bytes', default: 1024, min: 1, max: 1024 ** 3 },
    lowBytes: { doc: 'How little.', format: 'bytes', default: 0 },
    flowers: { doc: 'Where from.', format: 'strings', default: ['clover'] },
    strategy: { doc: 'In which order.', format: ['near', 'far'], default: 'near' },
    store: { doc: 'Where to.', format: 'path', default: undefined },
    flight: {
      speed: { doc: 'How fast.', format: 'number', unit: 'metres a second', default: 6.5, min: 0 },
    },
  },
  validate({ maxBytes, lowBytes }) {
    if (lowBytes > maxBytes) throw new Error(`expected lowBytes of at most ${maxBytes}, got ${lowBytes}`)
  },
  metrics: () => ({}),
  register: () => ({ start: async () => {}, stop: async () => {}, health: () => ({ status: 'ok' }) }),
})
