import fc from 'fast-check'
import {
  parseDescription,
  parseRefusal,
  parseSearchAnswer,
  parseValue,
} from '../../../../plugins/nat/upnp/router-messages.ts'
import { type FuzzTarget, fuzzTarget } from '../target.ts'
import { record, textOf, utf8 } from '../values.ts'

const DEVICE = 'urn:schemas-upnp-org:device:InternetGatewayDevice:2'
const SERVICE = 'urn:schemas-upnp-org:service:WANIPConnection:2'
const LOCATION = new URL('http://192.168.1.1:5000/rootDesc.xml')
const MESSAGES = 'plugins/nat/upnp/router-messages.ts'
const TAGS = ['<', '>', '</', '/>', ' ', '&amp;', '<a:', '<!--', '<![CDATA[', '<?xml', '"', ':']

const paths = fc.webPath().map(path => new URL(`${LOCATION.origin}${path}`).href)

interface Reply {
  readonly address: string
  readonly code: number
  readonly reason: string
}

function replyIn(text: string): Reply | undefined {
  const refusal = parseRefusal(text)
  if (refusal !== undefined && (refusal.length > 120 || !/^[ -~]*$/.test(refusal)))
    throw new Error('a refusal is told as it came')
  const address = parseValue(text, 'NewExternalIPAddress')
  const [, code, reason = ''] = /^([1-9]\d\d) ([A-Za-z]{1,40})$/.exec(refusal ?? '') ?? []
  return address && /^[\d.]+$/.test(address) && code ? { address, code: Number(code), reason } : undefined
}

export const NAT_TARGETS: readonly FuzzTarget[] = [
  fuzzTarget<string>({
    name: 'router-search-answer',
    covers: [`${MESSAGES}#parseSearchAnswer`],
    shape: 'text',
    words: [
      'HTTP/1.1 200 OK',
      '\r\n',
      ':',
      'ST',
      DEVICE,
      'LOCATION',
      'http://',
      'https://',
      'file://',
      '@',
      '[::1]',
    ],
    values: paths,
    encode: location => utf8(`HTTP/1.1 200 OK\r\nST: ${DEVICE}\r\nLOCATION: ${location}\r\n\r\n`),
    decode: bytes => {
      const url = parseSearchAnswer(Buffer.from(bytes))
      if (url && url.protocol !== 'http:') throw new Error(`${url} is taken`)
      return url?.href
    },
  }),
  fuzzTarget<string>({
    name: 'router-description',
    covers: [`${MESSAGES}#parseDescription`],
    shape: 'text',
    words: [...TAGS, '<service>', 'serviceType', 'controlURL', SERVICE, '//', 'http://', '..'],
    values: paths,
    encode: url => {
      const control = url.replaceAll('&', '&amp;')
      return utf8(
        `<root><service><serviceType>${SERVICE}</serviceType><controlURL>${control}</controlURL></service></root>`,
      )
    },
    decode: bytes => {
      const url = parseDescription(textOf(bytes), LOCATION)
      if (url && (url.protocol !== 'http:' || url.hostname !== LOCATION.hostname))
        throw new Error(`${url} is taken`)
      return url?.href
    },
  }),
  fuzzTarget<Reply>({
    name: 'router-reply',
    covers: [`${MESSAGES}#parseValue`, `${MESSAGES}#parseRefusal`],
    shape: 'text',
    words: [...TAGS, 'NewExternalIPAddress', 'errorCode', 'errorDescription', '<s:Envelope>', '\u001b[2J'],
    values: record({
      address: fc.ipV4(),
      code: fc.integer({ min: 100, max: 999 }),
      reason: fc.stringMatching(/^[A-Za-z]{1,40}$/),
    }),
    encode: ({ address, code, reason }) =>
      utf8(
        `<u:R><NewExternalIPAddress>${address}</NewExternalIPAddress><e:errorCode>${code}</e:errorCode><e:errorDescription>${reason}</e:errorDescription></u:R>`,
      ),
    decode: bytes => replyIn(textOf(bytes)),
  }),
]
