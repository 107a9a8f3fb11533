import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { multiaddr } from '@multiformats/multiaddr'
import { encode } from 'uint8-varint'
import { framed } from '../../helpers/raw/bytes.ts'
import type { Attack } from './attack.ts'
import { hostOf, INTERNET, placeFrom } from './internet-host.ts'
import { rawOffender } from './raw-offender.ts'

/** https://github.com/libp2p/specs/blob/master/autonat/autonat-v2.md */
const DIAL_REQUEST = '/libp2p/autonat/2/dial-request'
const QUESTIONS = 4
const ADDRESSES = 300
const WATCHED_MS = 8000
/** `plugins.nat.autonat.maxServedPerMinute`, which may be had at once, and one in five seconds. */
const ALLOWED = 12 + Math.ceil(WATCHED_MS / 5000)
/** What a node of its own waits for: all dials together are four a second. */
const HONEST_LIMIT_MS = 6000

const field = (number: number, bytes: Uint8Array): Uint8Array =>
  Buffer.concat([Uint8Array.of((number << 3) | 2), encode(bytes.byteLength), bytes])

/** Asks to be dialed back at each of `addresses`, with a nonce of zero. */
function dialRequest(addresses: readonly Uint8Array[]): Uint8Array {
  const nonce = Buffer.concat([Uint8Array.of((2 << 3) | 1), new Uint8Array(8)])
  return field(1, Buffer.concat([...addresses.map(bytes => field(1, bytes)), nonce]))
}

export const attack: Attack = {
  name: 'dial-back abuse',
  what: `Asks ${QUESTIONS} times from the internet to be tried at ${ADDRESSES} addresses of its host, each another port`,
  limit: '`plugins.nat.autonat.maxServedPerMinute` tries of all peers, and one question of a peer at a time',
  result: 'A few connections to its host; the node has turns left for its own',
  verdict: { harmless: true },
  async run(arena) {
    const [asking] = INTERNET
    const host = hostOf(asking, 210)
    let tries = 0
    const server = createServer(socket => {
      tries++
      socket.on('error', () => {})
      socket.destroy()
    })
    server.listen(0, host)
    await once(server, 'listening')
    arena.teardown(() => server.close())
    const { port } = server.address() as AddressInfo
    const address = multiaddr(`/ip4/${host}/tcp/${port}`).bytes
    const request = framed(dialRequest(Array.from({ length: ADDRESSES }, () => address)))
    const endMs = performance.now() + WATCHED_MS
    for (let question = 0; question < QUESTIONS; question++) {
      const { muxer } = await rawOffender(arena, placeFrom(arena, hostOf(asking, 210)))
      const stream = muxer.open()
      if (!(await stream.speak(DIAL_REQUEST))) throw new Error('it tries nobody, so there was no attack')
      stream.send(request)
      await wait(400)
    }
    const honest = await arena.peer({ connect: false })
    const startedMs = performance.now()
    await arena.victim.connect(String(honest.port.addresses()[0]))
    const tookMs = performance.now() - startedMs
    if (tookMs > HONEST_LIMIT_MS) throw new Error(`its own dial took ${tookMs.toFixed(0)} ms`)
    await wait(Math.max(0, endMs - performance.now()))
    if (tries === 0) throw new Error('nobody was dialed, so there was no attack')
    if (tries > ALLOWED) throw new Error(`${tries} connections, ${ALLOWED} may be`)
  },
}
