import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { createClient } from '../../../core/cli/client.ts'
import { createControl } from '../../../core/control/server.ts'
import { createEvents } from '../../../core/events.ts'
import { silentLogger } from '../../../core/logger.ts'
import type { Routing } from '../../../core/services/routing.ts'
import { createPeers } from '../../../core/state/peer-table.ts'
import { createRoutes } from '../../../plugins/routing/routes.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

const newPeer = async () => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))

t.test('a provider that comes without addresses has those of the peer table', async t => {
  const [told, known, caller, stranger] = await Promise.all([newPeer(), newPeer(), newPeer(), newPeer()])
  const events = createEvents(error => {
    throw error
  })
  const peers = createPeers({ maxPeers: 10 }, { events })
  for (const peer of [told, known]) peers.found(peer, 'manual', [multiaddr('/ip4/192.0.2.1/tcp/1')])
  peers.connected(caller, { direction: 'inbound', address: '/ip4/192.0.2.9/tcp/50000' })
  const routing: Routing = {
    async *findProviders() {
      yield { peer: told, source: 'dht', addresses: [multiaddr('/ip4/192.0.2.2/tcp/2')] }
      for (const peer of [known, caller, stranger]) yield { peer, source: 'members', addresses: [] }
    },
    findPeer: async () => [],
  }
  const socketPath = join(await temporaryDirectory(t), 'skep.sock')
  const control = createControl({ socketPath }, { log: silentLogger })
  control.routes(createRoutes({ routing, peers, status: () => ({}) }))
  await control.listen()
  t.teardown(() => control.close())
  const shown: unknown[] = []
  await createClient(socketPath).operate<object, { peer: string; addresses: readonly string[] }>({
    method: 'GET',
    path: 'routing/providers/bafkqaaa',
    onItem: ({ peer, addresses }) => shown.push([peer, addresses]),
  })
  t.same(shown, [
    [told.toString(), ['/ip4/192.0.2.2/tcp/2']],
    [known.toString(), ['/ip4/192.0.2.1/tcp/1']],
    [caller.toString(), ['/ip4/192.0.2.9/tcp/50000']],
    [stranger.toString(), []],
  ])
})
