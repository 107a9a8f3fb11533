import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { CID } from 'multiformats/cid'
import t, { type Test } from 'tap'
import { silentLogger } from '../../../core/logger.ts'
import { MAX_ANSWER_BYTES, MAX_LINE_BYTES } from '../../../plugins/routing/delegated/answer.ts'
import { DelegatedRouters } from '../../../plugins/routing/delegated/delegated-routers.ts'
import { createPeerId } from '../discovery/fixture.ts'

const CONTENT = CID.parse('bafkreidon73zkcrwdb5iafqtijxildoonbwnpv7dyd6ef3qdgads2jc4su')
const LINES = 'application/x-ndjson'
const WHOLE = 'application/json'
const TIMEOUT_MS = 60_000

type Answer = (response: ServerResponse, path: string) => unknown

interface Served {
  readonly url: string
  /** Bytes that it could send, and paths that it was asked for. */
  sentBytes: number
  readonly asked: string[]
}

/** A server that answers as it likes. */
async function serve(t: Test, answer: Answer): Promise<Served> {
  const served = { url: '', sentBytes: 0, asked: [] as string[] }
  const server = createServer((request, response) => {
    served.asked.push(request.url ?? '')
    const write = response.write.bind(response)
    response.write = (chunk: Uint8Array) => {
      served.sentBytes += chunk.length
      return write(chunk)
    }
    void answer(response, request.url ?? '')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  served.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return served
}

/** Sends `piece` for as long as somebody takes it. */
async function forever(response: ServerResponse, piece: Uint8Array): Promise<void> {
  while (!response.destroyed) {
    if (!response.write(piece)) await Promise.race([once(response, 'drain'), once(response, 'close')])
    await nextTurn()
  }
}

const routers = (...urls: readonly string[]): DelegatedRouters =>
  new DelegatedRouters({ urls, timeoutMs: TIMEOUT_MS }, { log: silentLogger })

async function providers(asked: DelegatedRouters): Promise<string[]> {
  const found: string[] = []
  for await (const { peer, addresses } of asked.findProviders(CONTENT, new AbortController().signal)) {
    found.push([peer, ...addresses].join(' '))
  }
  return found
}

t.test('records come by lines or all at once, and what names no peer is passed over', async t => {
  const [one, other] = [await createPeerId(), await createPeerId()]
  const records = [
    { Schema: 'peer', ID: one.toString(), Addrs: ['/ip4/192.0.2.1/tcp/1', 'nonsense', 7] },
    { Schema: 'peer', ID: 'nonsense' },
    { Schema: 'unknown' },
    null,
    7,
    { Schema: 'bitswap', ID: other.toCID().toString(), Addrs: null },
  ]
  const expected = [`${one} /ip4/192.0.2.1/tcp/1`, `${other}`]
  const byLines = await serve(t, response => {
    response.setHeader('content-type', LINES)
    const text = records.map(record => `${JSON.stringify(record)}\n`).join('\n')
    for (const character of text) response.write(Buffer.from(character))
    response.end()
  })
  const whole = await serve(t, response => {
    response.setHeader('content-type', `${WHOLE}; charset=utf-8`)
    response.end(JSON.stringify({ Providers: records }))
  })
  t.same(await providers(routers(byLines.url)), expected)
  t.same(await providers(routers(`${whole.url}/`)), expected)
  t.same(byLines.asked, [`/routing/v1/providers/${CONTENT}`])
  t.same((await providers(routers(byLines.url, whole.url))).sort(), [...expected, ...expected].sort())
})

t.test('nobody is known where there is nothing, or null', async t => {
  const missing = await serve(t, response => response.writeHead(404).end('not here'))
  const empty = await serve(t, response => response.writeHead(200, { 'content-type': LINES }).end())
  const none = await serve(t, response =>
    response.writeHead(200, { 'content-type': WHOLE }).end('{"Providers":null}'),
  )
  t.same(await providers(routers(missing.url, empty.url, none.url)), [])
})

t.test('an answer without an end is left', async t => {
  const record = Buffer.from(`${JSON.stringify({ Schema: 'other', Addrs: [] })}\n`.repeat(1000))
  const endless: Readonly<Record<string, Answer>> = {
    'a line': response => {
      response.setHeader('content-type', LINES)
      return forever(response, Buffer.alloc(16 * 1024, 'x'))
    },
    lines: response => {
      response.setHeader('content-type', LINES)
      return forever(response, record)
    },
    'a whole': response => {
      response.setHeader('content-type', WHOLE)
      return forever(response, Buffer.alloc(16 * 1024, ' '))
    },
    'what is no answer': response => {
      response.setHeader('content-type', 'text/html')
      return forever(response, Buffer.alloc(16 * 1024, 'x'))
    },
    'no success': response => {
      response.writeHead(500, { 'content-type': LINES })
      return forever(response, Buffer.alloc(16 * 1024, 'x'))
    },
  }
  for (const [name, answer] of Object.entries(endless)) {
    const server = await serve(t, answer)
    // And not for its time.
    await t.rejects(providers(routers(server.url)), { code: 'ROUTER_FAILED' }, name)
    // What the kernel holds on the way comes on top.
    t.ok(server.sentBytes <= MAX_ANSWER_BYTES + 8 * 1024 * 1024, `${server.sentBytes} bytes`)
  }
})

t.test('nothing is unpacked, or looked for elsewhere', async t => {
  const answer = Buffer.from('{"Providers":[]}')
  for (const [encoding, packed] of [
    ['gzip', gzipSync(answer)],
    ['br', brotliCompressSync(answer)],
  ] as const) {
    const server = await serve(t, response => {
      response.writeHead(200, { 'content-type': WHOLE, 'content-encoding': encoding }).end(packed)
    })
    const message = `${server.url} answered with what is packed by '${encoding}', as nobody asked`
    await t.rejects(providers(routers(server.url)), { code: 'ROUTER_FAILED', message })
  }
  const moved = await serve(t, response => response.writeHead(302, { location: '/' }).end())
  await t.rejects(providers(routers(moved.url)), { code: 'ROUTER_FAILED' })
  t.equal(moved.asked.length, 1)
})

t.test('a line that is too long is one, wherever it ends', async t => {
  const server = await serve(t, response => {
    response.setHeader('content-type', LINES)
    response.end(JSON.stringify({ Schema: 'x'.repeat(2 * MAX_LINE_BYTES) }))
  })
  await t.rejects(providers(routers(server.url)), { code: 'ROUTER_FAILED' })
})

t.test('one that fails costs nobody the answers of the others', async t => {
  const peer = await createPeerId()
  const good = await serve(t, response => {
    response.setHeader('content-type', LINES)
    setTimeout(() => response.end(JSON.stringify({ ID: peer.toString(), Addrs: [] })), 100)
  })
  const bad = await serve(t, response => {
    response.setHeader('content-type', LINES)
    response.end('{"ID":')
  })
  const gone = await serve(t, response => response.destroy())
  t.same(await providers(routers(bad.url, good.url, gone.url)), [peer.toString()])
  await t.rejects(providers(routers(bad.url, bad.url)), { code: 'ROUTER_FAILED' })
})

t.test('where a peer is, by whoever tells it of that peer', async t => {
  const [peer, other] = [await createPeerId(), await createPeerId()]
  const tells =
    (id: unknown, ...addresses: readonly string[]): Answer =>
    response => {
      response.setHeader('content-type', WHOLE)
      response.end(JSON.stringify({ Peers: [{ ID: id, Addrs: addresses }] }))
    }
  const [liar, silent, honest] = await Promise.all([
    serve(t, tells(other.toString(), '/ip4/192.0.2.6/tcp/6')),
    serve(t, tells(peer.toString())),
    serve(t, tells(peer.toString(), '/ip4/192.0.2.1/tcp/1')),
  ])
  const { signal } = new AbortController()
  const addresses = await routers(liar.url, silent.url, honest.url).findPeer(peer, signal)
  t.same(addresses.map(String), ['/ip4/192.0.2.1/tcp/1'])
  t.same(await routers(liar.url, silent.url).findPeer(peer, signal), [])
  t.same(honest.asked, [`/routing/v1/peers/${peer.toCID()}`])
})

t.test('four questions at a time; one that is left early ends, and makes room', async t => {
  const waiting: ServerResponse[] = []
  const peer = await createPeerId()
  const server = await serve(t, response => {
    response.setHeader('content-type', LINES)
    response.write(Buffer.from(`${JSON.stringify({ ID: peer.toString() })}\n`))
    waiting.push(response)
  })
  const asked = routers(server.url)
  const over = new AbortController()
  const searches = Array.from({ length: 6 }, () => asked.findProviders(CONTENT, over.signal))
  const first = searches.map(search => search.next())
  await Promise.all(first.slice(0, 4))
  t.equal(server.asked.length, 4)
  const [gone] = waiting
  const ended = gone && once(gone, 'close')
  await searches[0]?.return()
  await ended
  await first[4]
  t.equal(server.asked.length, 5)
  over.abort()
  await t.rejects(first[5] as Promise<unknown>)
  await t.rejects(searches[1]?.next() as Promise<unknown>)
})
