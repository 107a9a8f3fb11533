import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { brotliCompressSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { askHttp } from '../../../../plugins/nat/upnp/http-request.ts'

async function startServer(t: Test, listener: RequestListener): Promise<URL> {
  const server = createServer(listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
}

const never = new AbortController().signal

t.test('what is asked arrives, and the answer comes back', async t => {
  const url = await startServer(t, async (request, response) => {
    const chunks = await request.toArray()
    response.writeHead(500).end(`${request.method} ${request.headers.soapaction} ${Buffer.concat(chunks)}`)
  })
  const asked = await askHttp(url, { method: 'POST', headers: { soapaction: 'do' }, body: 'this' }, never)
  t.same(asked, { status: 500, text: 'POST do this' })
})

t.test('nothing is decompressed', async t => {
  const packed = brotliCompressSync('text')
  const url = await startServer(t, (_, response) => {
    response.writeHead(200, { 'content-encoding': 'br' }).end(packed)
  })
  t.equal((await askHttp(url, {}, never)).text, packed.toString('utf8'))
})

t.test('a redirection is not followed', async t => {
  let requests = 0
  const url = await startServer(t, (_, response) => {
    requests += 1
    response.writeHead(302, { location: '/' }).end()
  })
  t.equal((await askHttp(url, {}, never)).status, 302)
  t.equal(requests, 1)
})

t.test('an answer without end is not read to its end', async t => {
  const gone = Promise.withResolvers<void>()
  const url = await startServer(t, (_, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write('a'.repeat(65_536)));
    }
    response.on('drain', more).on('close', gone.resolve)
    more()
  })
  await t.rejects(askHttp(url, {}, never), { message: 'it sends more than 131072 bytes' })
  await gone.promise
})

t.test('who does not answer is not waited for', async t => {
  const url = await startServer(t, () => undefined)
  await t.rejects(askHttp(url, { timeLimitMs: 50 }, never), { message: 'it did not answer within 50 ms' })
  const begun = await startServer(t, (_, response) => response.write('a'))
  await t.rejects(askHttp(begun, { timeLimitMs: 50 }, never), { message: 'it did not answer within 50 ms' })
  const over = new AbortController()
  const asked = askHttp(url, {}, over.signal)
  over.abort()
  await t.rejects(asked, { name: 'AbortError' })
})
