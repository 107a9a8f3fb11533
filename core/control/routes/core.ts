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
import type { Control } from '../control.ts'
import type { Tokens } from '../tokens/tokens.ts'
import { contentRoutes } from './content.ts'
import { eventRoutes } from './events.ts'
import { fileRoutes } from './files.ts'
import { fleetRoutes } from './fleet.ts'
import { nodeRoutes } from './node.ts'
import { peerRoutes } from './peers.ts'
import { pinRoutes } from './pins.ts'
import { storageRoutes } from './storage.ts'
import { tokenRoutes } from './tokens.ts'

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

/** Adds what every node answers, whichever plugins run. */
export function addCoreRoutes(control: Control, services: CoreServices): void {
  control.routes(nodeRoutes(services))
  control.routes(contentRoutes(services))
  if (services.access === 'owner') control.routes(fileRoutes(services))
  control.routes(pinRoutes(services))
  control.routes(storageRoutes(services))
  control.routes(peerRoutes(services))
  control.routes(fleetRoutes(services))
  control.routes(eventRoutes(services))
  control.routes(tokenRoutes(services))
}
