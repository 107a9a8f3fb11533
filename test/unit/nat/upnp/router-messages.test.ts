import t from 'tap'
import {
  parseDescription,
  parseRefusal,
  parseSearchAnswer,
  parseValue,
} from '../../../../plugins/nat/upnp/router-messages.ts'

const DEVICE = 'urn:schemas-upnp-org:device:InternetGatewayDevice:2'
const LOCATION = new URL('http://192.168.1.1:5000/rootDesc.xml')

const answer = (...lines: string[]): Buffer => Buffer.from(['HTTP/1.1 200 OK', ...lines, '', ''].join('\r\n'))

const service = (type: string, controlUrl: string): string =>
  `<service><serviceType>urn:schemas-upnp-org:service:${type}</serviceType><serviceId>id</serviceId>
   <controlURL>${controlUrl}</controlURL><SCPDURL>/WANIPCn.xml</SCPDURL></service>`

const description = (...services: string[]): string =>
  `<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><device><serviceList>
   ${services.join('\n')}</serviceList></device></root>`

t.test('the answer of a router to a search', async t => {
  const found = parseSearchAnswer(
    answer('cache-control: max-age=120', `ST: ${DEVICE}`, `Location: ${LOCATION}`),
  )
  t.equal(found?.href, LOCATION.href)
})

t.test('answers that name no router', async t => {
  for (const none of [
    Buffer.alloc(0),
    Buffer.from('FOO * HTTP/1.1\r\n\r\n'),
    Buffer.from(`NOTIFY * HTTP/1.1\r\nST: ${DEVICE}\r\nLOCATION: ${LOCATION}\r\n\r\n`),
    answer(`LOCATION: ${LOCATION}`),
    answer(`ST: ${DEVICE}`),
    answer(`ST: ${DEVICE}`, 'LOCATION: rootDesc.xml'),
    answer(`ST: ${DEVICE}`, 'LOCATION: https://192.168.1.1/'),
    answer(`ST: ${DEVICE}`, 'LOCATION: file:///etc/passwd'),
    answer('ST: urn:schemas-upnp-org:device:MediaServer:1', `LOCATION: ${LOCATION}`),
    answer(`ST: ${DEVICE}`, `LOCATION: ${LOCATION}`, `SERVER: ${'a'.repeat(4096)}`),
  ])
    t.equal(parseSearchAnswer(none), undefined, none.toString().slice(0, 80))
})

t.test('where actions go', async t => {
  const of = (...services: string[]): string | undefined =>
    parseDescription(description(...services), LOCATION)?.href
  t.equal(
    of(service('Layer3Forwarding:1', '/l3f'), service('WANIPConnection:2', '/ctl?a=1&amp;b=2')),
    'http://192.168.1.1:5000/ctl?a=1&b=2',
  )
  t.equal(of(service('WANIPConnection:2', 'http://192.168.1.1:49000/ctl')), 'http://192.168.1.1:49000/ctl')
  t.equal(of(service('WANIPConnection:1', '/ctl')), undefined)
  t.equal(of(service('WANIPConnection:2', '')), undefined)
  t.equal(of(), undefined)
})

t.test('a router tells of itself alone', async t => {
  for (const elsewhere of ['http://192.168.1.2/ctl', '//127.0.0.1:5001/ctl', 'https://192.168.1.1/ctl'])
    t.equal(parseDescription(description(service('WANIPConnection:2', elsewhere)), LOCATION), undefined)
})

t.test('what an action answered', async t => {
  const reply = `<s:Envelope><s:Body><u:R><NewExternalIPAddress dt:dt="string"> 78.3.3.2 </NewExternalIPAddress>
    <NewReservedPort>4001</NewReservedPort><Nothing></Nothing></u:R></s:Body></s:Envelope>`
  t.equal(parseValue(reply, 'NewExternalIPAddress'), '78.3.3.2')
  t.equal(parseValue(reply, 'NewReservedPort'), '4001')
  t.equal(parseValue(reply, 'Nothing'), '')
  t.equal(parseValue(reply, 'NewReserved'), undefined)
})

t.test('why it was refused, as it can be shown', async t => {
  const fault = (code: string, text: string): string =>
    `<e:UPnPError><e:errorCode>${code}</e:errorCode><e:errorDescription>${text}</e:errorDescription></e:UPnPError>`
  t.equal(parseRefusal(fault('606', 'Action not authorized')), '606 Action not authorized')
  t.equal(parseRefusal(fault('1', '\u001b[2Jé')), '1 ?[2J?')
  t.equal(parseRefusal(fault('1', 'a'.repeat(1000)))?.length, 120)
  t.equal(parseRefusal('<errorCode>501</errorCode>'), '501')
  t.equal(parseRefusal('<html>'), undefined)
})

t.test('a text made to be slow to read is not', async t => {
  const before = process.cpuUsage()
  for (const part of ['<NewReservedPort ', '<service>', '<a:', 'a', '<service><serviceType', '&amp;']) {
    const text = part.repeat(131_072 / part.length)
    parseValue(text, 'NewReservedPort')
    parseDescription(text, LOCATION)
    parseRefusal(text)
  }
  t.ok(process.cpuUsage(before).user < 1_000_000, 'a second of CPU time')
})
