/** True for addresses that only this machine can reach. */
export function isLoopbackAddress(address: string): boolean {
  return /^(?:::ffff:)?127(?:\.\d{1,3}){3}$/i.test(address) || address === '::1'
}

/**
 * True where a `Host` header names this machine itself. A page of evil.example can point its own name at 127.0.0.1 and
 * have a browser ask us (DNS rebinding), but it can't make the browser call us by another name than its own.
 */
export function isLoopbackHost(header: string): boolean {
  const name = header.replace(/:\d{1,5}$/, '').toLowerCase()
  return name === 'localhost' || isLoopbackAddress(name.replace(/^\[(.*)\]$/, '$1'))
}
