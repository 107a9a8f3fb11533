import type { AttackGroup } from './attack.ts'
import { attack as controlSocketAbuse } from './control-socket-abuse.ts'
import { attack as decodeBombs } from './decode-bombs.ts'
import { attack as deepDag } from './deep-dag.ts'
import { attack as endlessTree } from './endless-tree.ts'
import { attack as falseSizes } from './false-sizes.ts'
import { attack as haveButNeverSend } from './have-but-never-send.ts'
import { attack as hostileNames } from './hostile-names.ts'
import { attack as monitoringAbuse } from './monitoring-abuse.ts'
import { attack as sharedShards } from './shared-shards.ts'
import { attack as symlinkEscape } from './symlink-escape.ts'
import { attack as tarBombs } from './tar-bombs.ts'
import { attack as wideAndDeep } from './wide-and-deep.ts'
import { attack as wrongBytes } from './wrong-bytes.ts'

/** All attacks, by the node that they are tried on. Each group has a test file, so that groups run beside each other. */
export const attacks = {
  content: {
    settings: [
      // Who lied is asked again a second later: a ban has to come of its lies, not of distrust.
      'plugins.exchange.distrustMs=1s',
      // The limit itself, sooner: nobody waits half a minute for it here.
      'plugins.exchange.stallTimeoutMs=2s',
    ].flatMap(setting => ['--set', setting]),
    attacks: [wrongBytes, haveButNeverSend, falseSizes, hostileNames, symlinkEscape],
  },
  dags: { attacks: [deepDag, endlessTree, sharedShards, wideAndDeep, decodeBombs] },
  http: { attacks: [tarBombs, controlSocketAbuse, monitoringAbuse] },
} satisfies Record<string, AttackGroup>
