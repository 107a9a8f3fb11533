import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { Router } from '../../../../plugins/nat/upnp/router.ts'

const never = new AbortController().signal

const DESCRIPTION = `<root><service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:2</serviceType>
  <controlURL>/ctl</controlURL></service></root>`

interface Reply {
  readonly status?: number
  readonly text: string
}

/** A router that answers each action by its name, and the actions that it got. */
async function startRouter(t: Test, replies: Readonly<Record<string, Reply>>) {
  const got: string[] = []
  const server = createServer(async (request, response) => {
    if (request.method === 'GET') return void response.end(DESCRIPTION)
    const [, name = ''] = /#(\w+)"$/.exec(String(request.headers.soapaction)) ?? []
    const body = Buffer.concat(await request.toArray()).toString()
    got.push([name, ...Array.from(body.matchAll(/<New\w+>([^<]*)/g), ([, value]) => value)].join(' '))
    const { status = 200, text } = replies[name] ?? { status: 404, text: '' }
    response.writeHead(status).end(text)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const location = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  return { router: await Router.at(location, never), got }
}

t.test('its address, a port, and the end of it', async t => {
  const { router, got } = await startRouter(t, {
    GetExternalIPAddress: { text: '<NewExternalIPAddress>78.3.3.2</NewExternalIPAddress>' },
    AddAnyPortMapping: { text: '<NewReservedPort>4007</NewReservedPort>' },
    DeletePortMapping: { text: '<u:DeletePortMappingResponse/>' },
  })
  t.equal(router.host, '127.0.0.1')
  t.equal(await router.externalAddress(never), '78.3.3.2')
  t.equal(await router.forward(4001, '192.168.1.2', never), 4007)
  await router.forget(4007, never)
  t.same(got, [
    'GetExternalIPAddress',
    'AddAnyPortMapping  4001 TCP 4001 192.168.1.2 1 skep 3600',
    'DeletePortMapping  4007 TCP',
  ])
})

t.test('answers that can not be', async t => {
  for (const text of ['<html>', '<NewExternalIPAddress>router</NewExternalIPAddress>']) {
    const { router } = await startRouter(t, { GetExternalIPAddress: { text } })
    await t.rejects(router.externalAddress(never), { message: /NewExternalIPAddress|none/ })
  }
  for (const port of ['0', '65536', '-1', '1e3', '']) {
    const text = `<NewReservedPort>${port}</NewReservedPort>`
    const { router } = await startRouter(t, { AddAnyPortMapping: { text } })
    await t.rejects(router.forward(4001, '192.168.1.2', never), { message: 'it tells a port that is none' })
  }
})

t.test('a router without an address tells an empty one', async t => {
  const text = '<NewExternalIPAddress></NewExternalIPAddress>'
  const { router } = await startRouter(t, { GetExternalIPAddress: { text } })
  t.equal(await router.externalAddress(never), '')
})

t.test('refusals say why', async t => {
  const { router } = await startRouter(t, {
    AddAnyPortMapping: {
      status: 500,
      text: '<errorCode>728</errorCode><errorDescription>NoPortMapsAvailable</errorDescription>',
    },
  })
  await t.rejects(router.forward(4001, '192.168.1.2', never), { message: '728 NoPortMapsAvailable' })
  await t.rejects(router.forget(4001, never), { message: 'HTTP status 404' })
})

t.test('what describes itself as something else is none', async t => {
  const server = createServer((_, response) => response.end('<root/>'))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const location = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  await t.rejects(Router.at(location, never), { message: 'its description names no WANIPConnection:2' })
})
