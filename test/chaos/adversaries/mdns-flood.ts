import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import multicastDns from 'multicast-dns'
import { answerOf } from '../../../plugins/discovery/mdns/packets.ts'
import { serviceTags } from '../../../plugins/discovery/mdns/service-tags.ts'
import type { Arena } from './arena.ts'
import type { Attack } from './attack.ts'

const GROUP = '224.0.0.251'
const PORT = 5353
const FLOOD_MS = 3000
const PEERS = 500
/** Between two looks at the time. */
const BURST = 50
/** `network.maxDialsPerSecond` of the profile pi-zero. */
const DIALS_PER_SECOND = 4
const ANSWERS_PER_SECOND = 1
const ANSWERS = 'skep_discovery_mdns_packets_total{kind="answer"}'

export const attack: Attack = {
  name: 'mDNS flood',
  what: `From the local network tells without a pause of ${PEERS} neighbours that all are at the address of somebody else, asks who is there, and sends what is no packet`,
  limit:
    '`network.maxDialsPerSecond`, `plugins.discovery.maxCandidates`; an answer a second; packets are read only as far as their counts can be true',
  result: 'A few connections a second; what else comes is read and forgotten',
  verdict: { harmless: true },
  async run(arena) {
    const [tag] = serviceTags(undefined, undefined) as [string]
    const bystander = await listen(arena)
    const neighbours = await Promise.all(
      Array.from({ length: PEERS }, async (_, at) => {
        const peer = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
        return answerOf(tag, `neighbour${at}`, [multiaddr(`${bystander.address}/p2p/${peer}`)])
      }),
    )
    const mdns = multicastDns({ interface: '127.0.0.1', loopback: false })
    arena.teardown(() => new Promise<void>(resolve => mdns.destroy(resolve)))
    mdns.on('error', () => {})
    const noise = createSocket('udp4')
    arena.teardown(() => noise.close())
    // A header that announces 65,535 records of each kind, and nothing behind it.
    const hollow = Buffer.concat([Buffer.from([0, 0, 0x84, 0]), Buffer.alloc(8, 0xff)])

    const before = await answersOf(arena)
    const startMs = performance.now()
    for (let sent = 0; performance.now() < startMs + FLOOD_MS; ) {
      for (let at = 0; at < BURST; at++, sent++) {
        mdns.respond(neighbours[sent % PEERS] as (typeof neighbours)[number])
        mdns.query([{ name: tag, type: 'PTR' }])
        send(noise, hollow)
      }
      await new Promise(setImmediate)
    }
    const seconds = (performance.now() - startMs) / 1000 + 1
    if (bystander.calls === 0) throw new Error('nobody was dialed, so there was no attack')
    const dials = DIALS_PER_SECOND * seconds
    if (bystander.calls > dials) throw new Error(`${bystander.calls} connections, ${dials} may be`)
    const answers = (await answersOf(arena)) - before
    if (answers === 0) throw new Error('nobody was answered, so there was no attack')
    if (answers > ANSWERS_PER_SECOND * seconds) throw new Error(`${answers} answers in ${seconds} s`)
  },
}

function send(socket: Socket, packet: Buffer): void {
  socket.send(packet, PORT, GROUP, () => {})
}

async function answersOf({ victim }: Arena): Promise<number> {
  return (await victim.metrics()).get(ANSWERS) ?? Number.NaN
}

/** Somebody who is dialed, and hangs up. */
async function listen(arena: Arena): Promise<{ address: string; calls: number }> {
  const seen = { address: '', calls: 0 }
  const server = createServer(socket => {
    seen.calls++
    socket.on('error', () => {})
    socket.destroy()
  })
  const host = arena.loopback()
  server.listen(0, host)
  await once(server, 'listening')
  arena.teardown(() => server.close())
  seen.address = `/ip4/${host}/tcp/${(server.address() as AddressInfo).port}`
  return seen
}
