import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { randomBlock } from '../../unit/exchange/fixture.ts'
import type { Attack } from './attack.ts'

/** Of loopback, and nobody else's, also where tests run beside each other: the node has to know before it starts. */
const HOST = `127.111.${randomInt(256)}.${randomInt(1, 255)}`
const PORT = 48_111
export const ENDLESS_ROUTER = [
  `plugins.routing.delegated=http://${HOST}:${PORT}`,
  'plugins.routing.lookup.delegatedDelayMs=0',
  'plugins.routing.lookup.timeoutMs=3s',
].flatMap(setting => ['--set', setting])

const PIECE = ' '.repeat(64 * 1024)
/** Its digits are taken together one by one: it would take seconds. */
const LONG_CHARACTERS = 60_000
/** What an answer may have, and what the system keeps of a connection besides. */
const MAX_TAKEN_BYTES = 16 * 1024 * 1024
/** `plugins.routing.lookup.maxProviders`. */
const MAX_PROVIDERS = 20

interface Ending {
  /** What it was given until it left. */
  readonly bytes: number
}

/** Writes `begin` and then `more` until the other side has left. */
async function endless(answer: ServerResponse, begin: string, more: () => string): Promise<Ending> {
  let bytes = 0
  let isLeft = false
  const left = once(answer, 'close').then(() => {
    isLeft = true
  })
  answer.write(begin)
  while (!isLeft) {
    const piece = more()
    bytes += piece.length
    if (!answer.write(piece)) await Promise.race([once(answer, 'drain'), left])
    await new Promise(setImmediate)
  }
  return { bytes }
}

const LIES: Readonly<Record<string, (answer: ServerResponse, id: () => string) => Promise<Ending>>> = {
  'JSON without an end': answer => {
    answer.writeHead(200, { 'content-type': 'application/json' })
    return endless(answer, '{"Providers":[', () => PIECE)
  },
  'a line without an end': answer => {
    answer.writeHead(200, { 'content-type': 'application/x-ndjson' })
    return endless(answer, '{', () => PIECE)
  },
  'providers without an end': (answer, id) => {
    answer.writeHead(200, { 'content-type': 'application/x-ndjson' })
    return endless(answer, '', () => `{"Schema":"peer","ID":"${id()}","Addrs":[],"Protocols":[]}\n`)
  },
  'a long name': answer => {
    answer.writeHead(200, { 'content-type': 'application/x-ndjson' })
    answer.end(`{"Schema":"peer","ID":"1${'z'.repeat(LONG_CHARACTERS)}","Addrs":[]}\n`)
    return Promise.resolve({ bytes: 0 })
  },
  'no answer': async answer => {
    await once(answer, 'close')
    return { bytes: 0 }
  },
}

export const attack: Attack = {
  name: 'endless router',
  what: 'Is a router that was configured, and answers who looks for providers with JSON, a line, a name or providers without an end, or never',
  limit: '1 MiB an answer, 64 KiB a line; `plugins.routing.lookup.maxProviders` and `timeoutMs`',
  result: 'Hung up on; the search goes on without it',
  verdict: { harmless: true },
  async run({ victim, teardown, signal }) {
    const keys = await Promise.all(
      Array.from({ length: 2 * MAX_PROVIDERS }, () => generateKeyPair('Ed25519')),
    )
    const ids = keys.map(key => peerIdFromPrivateKey(key).toString())
    let given = 0
    const id = (): string => ids[given++ % ids.length] as string
    for (const [what, lie] of Object.entries(LIES)) {
      const server = createServer()
      const ended = once(server, 'request', { signal }).then(([, answer]) => lie(answer, id))
      server.listen(PORT, HOST)
      await once(server, 'listening')
      teardown(() => server.close())
      const { cid } = randomBlock(32)
      const { providers } = await victim.client.operate<{ providers: number }>({
        method: 'GET',
        path: `routing/providers/${cid}`,
        signal,
      })
      if (providers > MAX_PROVIDERS) throw new Error(`${what}: ${providers} providers were taken`)
      const { bytes } = await ended
      if (bytes > MAX_TAKEN_BYTES) throw new Error(`${what}: ${bytes} bytes were taken`)
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    }
  },
}
