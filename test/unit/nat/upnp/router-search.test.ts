import { createSocket, type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { type FoundRouter, searchRouters } from '../../../../plugins/nat/upnp/router-search.ts'

const answer = (location: string): string =>
  `HTTP/1.1 200 OK\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:2\r\nLOCATION: ${location}\r\n\r\n`

/** Something on the network that gives these answers to whoever asks, and what it was asked. */
async function startAnswering(t: Test, ...answers: string[]) {
  const socket = createSocket('udp4')
  const asked: string[] = []
  socket.on('message', (message: Buffer, { port, address }: RemoteInfo) => {
    asked.push(message.toString())
    for (const text of answers) socket.send(text, port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.teardown(() => socket.close())
  return { asked, group: socket.address() }
}

t.test('what answers and is no router is passed over', async t => {
  const { asked, group } = await startAnswering(
    t,
    'FOO * HTTP/1.1\r\n\r\n',
    'HTTP/1.1 200 OK\r\nLOCATION: http://127.0.0.1/\r\n\r\n',
    answer('http://192.168.1.1/of-another-host'),
    answer('http://127.0.0.1:5000/description'),
    answer('http://127.0.0.1:5000/once-again'),
  )
  const search = searchRouters(['127.0.0.1'], new AbortController().signal, group)
  const found = (await search.next()).value as FoundRouter
  t.equal(found.location.href, 'http://127.0.0.1:5000/description')
  t.equal(found.localHost, '127.0.0.1')
  t.match(asked[0], /^M-SEARCH \* HTTP\/1\.1\r\n[\s\S]*\r\n\r\n$/)
  await search.return()
})

t.test('it ends with its signal, also where there is no such address', async t => {
  const { group } = await startAnswering(t)
  const over = new AbortController()
  const search = searchRouters(['127.0.0.1', '192.0.2.1'], over.signal, group)
  const next = search.next()
  over.abort()
  await t.rejects(next, { name: 'AbortError' })
  await t.rejects(searchRouters(['127.0.0.1'], over.signal, group).next(), { name: 'AbortError' })
})
