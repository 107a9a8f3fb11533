import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import t, { type Test } from 'tap'
import { use } from '../../../core/container.ts'
import { Events } from '../../../core/events.ts'
import monitoring from '../../../plugins/monitoring/index.ts'
import { eventually } from '../../helpers/eventually.ts'
import { startPlugins } from '../../helpers/plugin-node.ts'
import { ask } from './http.ts'

const peer = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))

async function start(t: Test, config: object = {}) {
  const node = await startPlugins([{ plugin: monitoring, config: { port: 0, ...config } }])
  t.teardown(() => node.stop())
  const { url } = node.state.status().details.monitoring as { url: string }
  const events = use(node.container, Events)
  return { ...node, url, happen: () => events.emit('peer:connected', { peer }) }
}

interface Message {
  readonly id?: string
  readonly event?: string
  readonly data?: Record<string, unknown>
  readonly comment?: string
}

/** An event stream as a browser reads it, a message a time. */
async function listen(t: Test, url: string, headers: Record<string, string> = {}, query = '') {
  const sent = request(`${url}/events${query}`, { agent: false, headers })
  sent.on('error', () => {})
  sent.end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  t.teardown(() => sent.destroy())
  const lines = createInterface({ input: response })[Symbol.asyncIterator]()
  const next = async (): Promise<Message> => {
    const fields: Record<string, string> = {}
    for (let line = await lines.next(); !line.done; line = await lines.next()) {
      if (line.value === '') break
      const at = line.value.indexOf(':')
      fields[line.value.slice(0, at) || 'comment'] = line.value.slice(at + 2)
    }
    if (fields.retry) return next()
    return { ...fields, ...(fields.data && { data: JSON.parse(fields.data) }) }
  }
  return { response, next, leave: () => sent.destroy() }
}

t.test('a listener hears what happens, and where it left off what it missed', async t => {
  const { url, happen, state } = await start(t)
  const first = await listen(t, url)
  t.match(first.response.headers, {
    'content-type': /^text\/event-stream/,
    'cache-control': 'no-store',
  })
  t.match(await first.next(), { event: 'feed:opened', data: { data: { missed: 0 } } })
  const before = state.status().sequence
  happen()
  const heard = await first.next()
  t.match(heard, {
    event: 'peer:connected',
    data: { data: { peer: peer.toString() }, event: 'peer:connected' },
  })
  t.equal(heard.data?.sequence, before + 1)
  t.equal(state.status().sequence, before + 1, 'the status tells where the stream is')
  t.equal(heard.id, `${state.status().run}-${before + 1}`)
  first.leave()

  happen()
  const second = await listen(t, url, { 'last-event-id': heard.id ?? '' })
  t.match(await second.next(), { event: 'feed:opened', data: { data: { missed: 0 } } })
  t.match((await second.next()).data, { sequence: before + 2 })
  const stranger = await listen(t, url, { 'last-event-id': 'what; is\tthis' })
  const opened = (await stranger.next()).data
  const { sequence } = state.status()
  t.match(opened, { sequence, data: { missed: sequence } }, 'what is no position begins now')
})

t.test('a listener may say where it begins, but nothing else', async t => {
  const { url, happen, state } = await start(t)
  happen()
  happen()
  const { sequence, run } = state.status()
  for (const since of [sequence - 1, `${run}-${sequence - 1}`]) {
    const { next } = await listen(t, url, {}, `?since=${since}`)
    t.match(await next(), { event: 'feed:opened', data: { data: { missed: 0 } } })
    t.match((await next()).data, { sequence })
  }
  const back = await listen(t, url, { 'last-event-id': `${run}-${sequence - 1}` }, '?since=0')
  await back.next()
  t.match((await back.next()).data, { sequence }, 'what it says as it comes back counts')
  for (const [query, code, message] of [
    ['since=abc', 'POSITION_INVALID', /since is 'abc', expected/],
    ['since=99999', 'POSITION_INVALID', /'99999', but the newest event of this run is \d+/],
    ['since=', 'POSITION_INVALID', /since is ''/],
    ['since=1&since=2', 'QUERY_INVALID', /since is given more than once/],
    ['bogus=1', 'QUERY_INVALID', /'bogus'/],
  ] as const) {
    const refused = await ask(`${url}/events?${query}`)
    t.equal(refused.status, 400, query)
    t.match(refused.json(), { error: { code, message } })
  }
})

t.test('a silent stream is kept alive', async t => {
  const { url } = await start(t, { eventHeartbeatMs: 100 })
  const { next } = await listen(t, url)
  await next()
  t.match(await next(), { comment: 'still here' })
})

t.test('listeners are bounded, and counted as they come and go', async t => {
  const { url } = await start(t, { maxEventListeners: 2 })
  const count = async (): Promise<string | undefined> =>
    /skep_monitoring_event_listeners (\d+)/.exec((await ask(`${url}/metrics`)).text)?.[1]
  const one = await listen(t, url)
  await listen(t, url)
  const refused = await ask(`${url}/events`)
  t.equal(refused.status, 503)
  t.match(refused.json(), { error: { code: 'LISTENERS_FULL', fix: /maxEventListeners/ } })
  t.equal((await ask(`${url}/events`, { method: 'HEAD' })).status, 200, 'a HEAD takes no place')
  t.equal(await count(), '2')
  one.leave()
  await eventually('it to be gone', async () => ((await count()) === '1' ? true : undefined))
  t.match(await (await listen(t, url)).next(), { event: 'feed:opened' })
})

t.test('a listener that reads nothing is told why, and hung up on', async t => {
  const { url, happen, container } = await start(t)
  const { port } = new URL(url)
  const socket = connect(Number(port), '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.write(`GET /events HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`)
  await once(socket, 'readable')
  const events = use(container, Events)
  const detail = 'x'.repeat(64 * 1024)
  // More than what sockets hold, in turns, so that the server gets to write.
  for (let round = 0; round < 200; round++) {
    for (let time = 0; time < 400; time++) events.emit('peer:evidence', { peer, kind: 'timeout', detail })
    await new Promise(resolve => setImmediate(resolve))
  }
  happen()
  let text = ''
  socket.setEncoding('utf8').on('data', data => {
    text = (text + data).slice(-1000)
  })
  await once(socket, 'close')
  t.match(text, /event: feed:ended\ndata: \{"code":"EVENTS_MISSED","message":"\d+ changes were dropped/)
})

t.test('a listener that takes nothing for good gives its place back', async t => {
  const { url, container } = await start(t, { eventHeartbeatMs: 100 })
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.on('error', () => {}).pause()
  socket.write(`GET /events HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`)
  const listeners = async (count: number): Promise<true | undefined> =>
    (await ask(`${url}/metrics`)).text.includes(`event_listeners ${count}\n`) || undefined
  await eventually('it to be there', () => listeners(1))
  const events = use(container, Events)
  const reason = 'x'.repeat(64 * 1024)
  // As long as it is taken, by the kernel on both sides.
  for (let round = 0; round < 400; round++) {
    events.emit('network:reachability', { reachability: 'unknown', reason })
    await new Promise(resolve => setImmediate(resolve))
  }
  await eventually('it to be gone', () => listeners(0))
})

t.test('a page of another origin takes no place', async t => {
  const { url } = await start(t)
  const { host } = new URL(url)
  for (const origin of ['http://evil.example', 'null', `https://${host}.evil.example`]) {
    const refused = await ask(`${url}/events`, { headers: { origin } })
    t.equal(refused.status, 403)
    t.match(refused.json(), { error: { code: 'ORIGIN_REFUSED' } })
  }
  const own = await listen(t, url, { origin: `http://${host}` })
  t.match(await own.next(), { event: 'feed:opened' })
})

t.test('streams end when the plugin stops', async t => {
  const { url, host } = await start(t)
  const { response, next } = await listen(t, url)
  await next()
  const closed = once(response, 'close')
  response.on('error', () => {})
  await host.stopAll()
  await closed
})
