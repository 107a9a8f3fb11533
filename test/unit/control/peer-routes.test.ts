import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createClient } from '../../../core/cli/client.ts'
import { peerRoutes } from '../../../core/control/routes/peers.ts'
import { createControl } from '../../../core/control/server.ts'
import { silentLogger } from '../../../core/logger.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'
import { nextEvent, startNode } from '../network/nodes.ts'

/** A node whose other peer calls back so often: each time it was hung up on, and before it is forgotten. */
async function start(t: Test, returns: number) {
  const [node, other] = await Promise.all([startNode(t), startNode(t)])
  const { network, port, peers } = node
  let hangUps = 0
  const callBack = async (): Promise<void> => {
    const isBack = nextEvent(node.events, 'peer:connected')
    await other.port.dial(port.addresses())
    await isBack
  }
  const socketPath = join(await temporaryDirectory(t), 'skep.sock')
  const control = createControl({ socketPath }, { log: silentLogger })
  const routes = {
    ...port,
    self: port.self,
    worthOf: network.worthOf,
    usageOf: network.usageOf,
    async forget(...args: Parameters<typeof network.forget>) {
      await network.forget(...args)
      hangUps += 1
      if (hangUps <= returns) await callBack()
    },
  }
  control.routes(peerRoutes({ network: routes, blocklist: network.blocklist, peers }))
  await control.listen()
  t.teardown(() => control.close())
  await callBack()
  const peer = other.port.self
  const client = createClient(socketPath)
  return {
    known: () => peers.get(peer),
    forget: () => client.operate({ method: 'DELETE', path: 'peers', query: { peer: peer.toString() } }),
  }
}

t.test('a peer that comes back before it is forgotten is hung up on again', async t => {
  const { known, forget } = await start(t, 2)
  t.match(known(), { liveness: 'connected' })
  await forget()
  t.equal(known(), undefined)
  await t.rejects(forget(), { code: 'PEER_UNKNOWN' })
})

t.test('one that comes back every time is told to be so', async t => {
  const { known, forget } = await start(t, Number.POSITIVE_INFINITY)
  await t.rejects(forget(), { code: 'PEER_RETURNS', fix: /skep peers block/ })
  t.match(known(), { liveness: 'connected' })
})
