import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Attack } from './attack.ts'
import { rawOffender } from './raw-offender.ts'
import { recordOf, tell } from './spoofed-records.ts'

const PEERS = 32
const WATCHED_MS = 4000
/** `network.maxDialsPerSecond` of the profile pi-zero. */
const DIALS_PER_SECOND = 4

export const attack: Attack = {
  name: 'amplification',
  what: `Tells of ${PEERS} peers that all are at the address of a victim, for the node to dial it`,
  limit: '`network.maxDialsPerSecond`, backoff for each peer, 64 peers by the word of one',
  result: 'A few connections a second',
  verdict: { harmless: true },
  async run(arena) {
    let connections = 0
    const bystander = createServer(socket => {
      connections++
      socket.on('error', () => {})
      // So that the next one may be dialed: as many as are on their way at a time would be less.
      socket.destroy()
    })
    bystander.listen(0, arena.loopback())
    await once(bystander, 'listening')
    arena.teardown(() => bystander.close())
    const { address, port } = bystander.address() as AddressInfo
    const keys = await Promise.all(Array.from({ length: PEERS }, () => generateKeyPair('Ed25519')))
    const addresses = Array.from({ length: 16 }, () => `/ip4/${address}/tcp/${port}`)
    const records = await Promise.all(keys.map(key => recordOf(key, key, { addresses })))
    await tell(await rawOffender(arena), records)
    await wait(WATCHED_MS)
    const allowed = DIALS_PER_SECOND * (WATCHED_MS / 1000 + 1)
    if (connections === 0) throw new Error('nobody was dialed, so there was no attack')
    if (connections > allowed) throw new Error(`${connections} connections to the victim, ${allowed} may be`)
  },
}
