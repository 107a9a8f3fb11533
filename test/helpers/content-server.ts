import { join } from 'node:path'
import type { Test } from 'tap'
import { createBlocks } from '../../core/content/blocks.ts'
import type { Content } from '../../core/content/content.ts'
import { createContent } from '../../core/content/create-content.ts'
import { createPins } from '../../core/content/pins.ts'
import { contentRoutes } from '../../core/control/routes/content.ts'
import { pinRoutes } from '../../core/control/routes/pins.ts'
import { createControl } from '../../core/control/server.ts'
import { createEvents } from '../../core/events.ts'
import { silentLogger } from '../../core/logger.ts'
import { createMemoryBudget } from '../../core/resources/byte-budget.ts'
import type { Pins } from '../../core/services/pins.ts'
import { createMemoryStorage } from '../../core/storage/memory.ts'
import type { Storage } from '../../core/storage/storage.ts'
import { temporaryDirectory } from './temporary-directory.ts'

export interface ContentServer {
  /** Holds `skep.sock`, and may hold whatever a test writes. */
  readonly directory: string
  readonly socketPath: string
  readonly content: Content
  readonly pins: Pins
  readonly storage: Storage
}

/** A control socket with real content behind it, in memory and without a network. Goes with the test. */
export async function startContentServer(t: Test, { maxBytes = 2 ** 30 } = {}): Promise<ContentServer> {
  const directory = temporaryDirectory(t)
  const socketPath = join(directory, 'skep.sock')
  const log = silentLogger
  const storage = createMemoryStorage({ maxBytes })
  const memory = createMemoryBudget(32 * 1024 * 1024)
  const events = createEvents(error => {
    throw error
  })
  const blocks = createBlocks({ storage: storage.blocks, memory, log })
  const pins = createPins({ storage, blocks, events, log })
  await pins.start()
  const content = createContent({ storage, blocks, pins, memory })
  const control = createControl({ socketPath }, { log })
  control.routes(contentRoutes({ content }))
  control.routes(pinRoutes({ content, pins }))
  await control.listen()
  t.teardown(async () => {
    await control.close()
    await pins.stop()
    await storage.close()
  })
  return { directory, socketPath, content, pins, storage }
}
