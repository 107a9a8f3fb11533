import type { LoadedConfig } from '../../config/load.ts'
import type { Content } from '../../content/content.ts'
import type { PinKeeper } from '../../content/pins.ts'
import type { FleetNode } from '../../fleet/fleet.ts'
import type { Blocklist } from '../../network/blocklist.ts'
import type { NodeNetwork } from '../../network/network.ts'
import type { NetworkPort } from '../../network/network-port.ts'
import type { ChangeFeed } from '../../state/change-feed.ts'
import type { NodeState } from '../../state/node-state.ts'
import type { Peers } from '../../state/peer-state.ts'
import type { Storage } from '../../storage/storage.ts'
import type { ControlAccess } from '../access.ts'
import type { Tokens } from '../tokens/tokens.ts'

/** What the routes of the core are made of. */
export interface CoreServices {
  readonly access: ControlAccess
  readonly content: Content
  readonly pins: PinKeeper
  readonly storage: Storage
  readonly network: Pick<NetworkPort, 'self' | 'dial' | 'ping' | 'hangUp' | 'connections'> &
    Pick<NodeNetwork, 'worthOf' | 'usageOf' | 'forget'>
  readonly blocklist: Blocklist
  readonly fleet: FleetNode
  readonly peers: Peers
  readonly changes: ChangeFeed
  readonly state: Pick<NodeState, 'status'>
  readonly config: Pick<LoadedConfig, 'entries'>
  readonly tokens: Tokens
  /** Begins to stop the node; not waited for. */
  readonly stop: () => void
}
