import type { AttackGroup } from './attack.ts'
import { attack as wrongBytes } from './wrong-bytes.ts'

/** All attacks, by the node that they are tried on. Each group has a test file, so that groups run beside each other. */
export const attacks = {
  content: {
    // Who lied is asked again a second later: a ban has to come of its lies, not of distrust.
    settings: ['--set', 'plugins.exchange.distrustMs=1s'],
    attacks: [wrongBytes],
  },
} satisfies Record<string, AttackGroup>
