import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Arena } from './arena.ts'
import type { Attack } from './attack.ts'
import { hostOf, INTERNET, placeFrom } from './internet-host.ts'
import { rawOffender, within } from './raw-offender.ts'
import { recordOf, tell } from './spoofed-records.ts'

const PEERS = 8
const SOON_MS = 10_000

/** A server at `host` that counts who connects. */
async function listen(
  arena: Arena,
  host: string,
): Promise<{ address: string; calls: number; called: Promise<void> }> {
  const { promise: called, resolve } = Promise.withResolvers<void>()
  const seen = { address: '', calls: 0, called }
  const server = createServer(socket => {
    seen.calls++
    resolve()
    socket.on('error', () => {})
    socket.destroy()
  })
  server.listen(0, host)
  await once(server, 'listening')
  arena.teardown(() => server.close())
  seen.address = `/ip4/${host}/tcp/${(server.address() as AddressInfo).port}`
  return seen
}

export const attack: Attack = {
  name: 'private addresses',
  what: `From the internet tells of ${PEERS} peers at addresses of the node's own network and machine, for it to knock there`,
  limit:
    'What is told counts as far as its teller is away: a record with an address that is nearer is not taken',
  result: 'Nothing is dialed but what is of the internet, too',
  verdict: { harmless: true },
  async run(arena) {
    const [tellers, told] = INTERNET
    const own = await listen(arena, arena.loopback())
    const far = await listen(arena, hostOf(told, 80))
    const records = async (addresses: string[]): Promise<Uint8Array[]> =>
      Promise.all(
        Array.from({ length: PEERS }, async () => {
          const key = await generateKeyPair('Ed25519')
          return recordOf(key, key, { addresses })
        }),
      )
    const teller = await rawOffender(arena, placeFrom(arena, hostOf(tellers, 200)))
    await tell(teller, await records([own.address]))
    await tell(teller, await records([far.address, own.address]))
    await tell(await rawOffender(arena, placeFrom(arena, hostOf(told, 200))), await records([far.address]))
    await within('what is of the internet is dialed', SOON_MS, far.called)
    if (own.calls > 0) throw new Error(`it knocked at an address of its own network ${own.calls} times`)
  },
}
