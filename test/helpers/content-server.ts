import { join } from 'node:path'
import type { Test } from 'tap'
import { contentRoutes } from '../../core/control/routes/content.ts'
import { fileRoutes } from '../../core/control/routes/files.ts'
import { pinRoutes } from '../../core/control/routes/pins.ts'
import { createControl } from '../../core/control/server.ts'
import { silentLogger } from '../../core/logger.ts'
import { createTestNode, type TestNode, type TestNodeOptions } from './content-node.ts'
import { temporaryDirectory } from './temporary-directory.ts'

export interface ContentServer extends TestNode {
  /** Holds `skep.sock`, and may hold whatever a test writes. */
  readonly directory: string
  readonly socketPath: string
}

/** Ways to add content. */
type Way = 'stream' | 'file'

/** A control socket with real content behind it, in memory and without a network. Goes with the test. */
export async function startContentServer(
  t: Test,
  options: TestNodeOptions & { readonly ways?: readonly Way[] } = {},
): Promise<ContentServer> {
  const { ways = ['stream', 'file'] } = options
  const directory = await temporaryDirectory(t)
  const socketPath = join(directory, 'skep.sock')
  const node = createTestNode(options)
  const { content, pins, storage } = node
  await pins.start()
  const control = createControl({ socketPath }, { log: silentLogger })
  if (ways.includes('stream')) control.routes(contentRoutes({ content }))
  if (ways.includes('file')) control.routes(fileRoutes({ content }))
  control.routes(pinRoutes({ content, pins }))
  await control.listen()
  t.teardown(async () => {
    await control.close()
    await pins.stop()
    await storage.close()
  })
  return { ...node, directory, socketPath }
}
