/**
 * What a web page may not do to an HTTP server of this machine. A page of evil.example can point its own name at our address and
 * have a browser ask us (DNS rebinding), but it can't make the browser call us by another name than its own. And it can have a
 * browser send us requests from elsewhere, but not hide where they come from.
 */

/** True for addresses that only this machine can reach. */
export function isLoopbackAddress(address: string): boolean {
  return /^(?:::ffff:)?127(?:\.\d{1,3}){3}$/i.test(address) || address === '::1'
}

/** The name or address in a `Host` header: lower case, without port and brackets. Empty where there is none. */
export function hostName(header: string): string {
  return header
    .replace(/:\d{1,5}$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase()
}

/** True where a `Host` header names this machine itself. */
export function isLoopbackHost(header: string): boolean {
  const name = hostName(header)
  return name === 'localhost' || isLoopbackAddress(name)
}

/**
 * True where a `Host` header names this machine itself, the address that the connection came to, or one of `names`, which are in
 * lower case.
 */
export function isOwnHost(header: string, localAddress: string, names: readonly string[]): boolean {
  const name = hostName(header)
  return isLoopbackHost(header) || name === plainAddress(localAddress) || names.includes(name)
}

/** True where a page that came from `host`, as the `Host` header says it, sends its `Origin`. */
export function isSameOrigin(origin: string, host: string | undefined): boolean {
  return URL.canParse(origin) && new URL(origin).host === host
}

/** An IPv4 address without what an IPv6 socket puts before it. RFC 4291, section 2.5.5.2 */
function plainAddress(address: string): string {
  return address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '')
}
