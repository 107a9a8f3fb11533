/**
 * What is said with a router: a search (SSDP), its description, and actions (SOAP). Whoever is on the local network may answer,
 * so that what comes is read for the few texts that are needed and for nothing else, in time that grows with its length alone.
 * https://openconnectivity.org/upnp-specs/UPnP-arch-DeviceArchitecture-v2.0-20200417.pdf
 */

const DEVICE = 'urn:schemas-upnp-org:device:InternetGatewayDevice:2'
/** https://upnp.org/specs/gw/UPnP-gw-WANIPConnection-v2-Service.pdf */
const SERVICE = 'urn:schemas-upnp-org:service:WANIPConnection:2'

/** Where routers listen. */
export const SEARCH_GROUP = { address: '239.255.255.250', port: 1900 } as const

/** Longer ones are none: what is asked for takes some 400. */
const MAX_SEARCH_ANSWER_BYTES = 4096
const MAX_REASON_LENGTH = 120

export const SEARCH = Buffer.from(
  [
    'M-SEARCH * HTTP/1.1',
    `HOST: ${SEARCH_GROUP.address}:${SEARCH_GROUP.port}`,
    'MAN: "ssdp:discover"',
    'MX: 1',
    `ST: ${DEVICE}`,
    '\r\n',
  ].join('\r\n'),
)

/** Where a router describes itself, by its answer to a search; undefined where it is no such answer. */
export function parseSearchAnswer(answer: Buffer): URL | undefined {
  if (answer.length > MAX_SEARCH_ANSWER_BYTES) return undefined
  const [status = '', ...lines] = answer.toString('latin1').split(/\r?\n/)
  if (!status.startsWith('HTTP/1.1 200')) return undefined
  const headers = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    headers.set(line.slice(0, colon).trim().toUpperCase(), line.slice(colon + 1).trim())
  }
  return headers.get('ST') === DEVICE ? httpUrl(headers.get('LOCATION') ?? '') : undefined
}

/** Where actions go, by the description at `location`. A router tells of itself alone: undefined where it names another host. */
export function parseDescription(xml: string, location: URL): URL | undefined {
  const service = xml.split('<service>').find(part => textOf(part, 'serviceType') === SERVICE)
  const url = httpUrl(textOf(service ?? '', 'controlURL'), location)
  return url?.hostname === location.hostname ? url : undefined
}

export interface Action {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** @param values by name, in the order of the specification; none needs to be escaped */
export function actionOf(name: string, values: Readonly<Record<string, string | number>>): Action {
  const parameters = Object.entries(values).map(([key, value]) => `<${key}>${value}</${key}>`)
  return {
    headers: { 'content-type': 'text/xml; charset="utf-8"', soapaction: `"${SERVICE}#${name}"` },
    body: `<?xml version="1.0"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">
<s:Body><u:${name} xmlns:u="${SERVICE}">${parameters.join('')}</u:${name}></s:Body>
</s:Envelope>`,
  }
}

/** What an answer says of `name`; empty where that is empty, undefined where it isn't there. */
export function parseValue(xml: string, name: string): string | undefined {
  return textOf(xml, name)
}

/** Why an action was refused, in printable ASCII of bounded length; undefined where the answer doesn't say. */
export function parseRefusal(xml: string): string | undefined {
  const code = textOf(xml, 'errorCode')
  if (code === undefined) return undefined
  const reason = `${code} ${textOf(xml, 'errorDescription') ?? ''}`.trim()
  return reason.slice(0, MAX_REASON_LENGTH).replace(/[^ -~]/g, '?')
}

/** The text of the first element of that name, whatever namespace it is of. */
function textOf(xml: string, name: string): string | undefined {
  const tag = new RegExp(`<(?:[\\w.-]+:)?${name}(?:\\s[^<>]*)?>([^<]*)`).exec(xml)
  return tag?.[1]?.trim().replaceAll('&amp;', '&')
}

function httpUrl(text: string | undefined, base?: URL): URL | undefined {
  const url = text ? URL.parse(text, base?.href) : null
  return url?.protocol === 'http:' ? url : undefined
}
