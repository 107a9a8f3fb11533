import type { Control } from '../control.ts'
import { contentRoutes } from './content.ts'
import { eventRoutes } from './events.ts'
import { fileRoutes } from './files.ts'
import { fleetRoutes } from './fleet.ts'
import { nodeRoutes } from './node.ts'
import { peerRoutes } from './peers.ts'
import { pinRoutes } from './pins.ts'
import type { CoreServices } from './services.ts'
import { storageRoutes } from './storage.ts'
import { tokenRoutes } from './tokens.ts'

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
