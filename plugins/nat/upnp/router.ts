import { isIPv4 } from 'node:net'
import { askHttp } from './http-request.ts'
import { type Action, actionOf, parseDescription, parseRefusal, parseValue } from './router-messages.ts'

/** The least that routers are asked for. One that forgets a node that lost power does so within the hour. */
const LEASE_SECONDS = 3600
/** Told to the router, whose page shows it. */
const DESCRIPTION = 'skep'

/** A router (IGD 2) that was found. Each method throws where it fails, or refuses, or answers what can't be. */
export class Router {
  readonly host: string
  readonly #control: URL

  private constructor(control: URL) {
    this.host = control.hostname
    this.#control = control
  }

  /** @throws Error where it doesn't describe itself as such a router */
  static async at(location: URL, signal: AbortSignal): Promise<Router> {
    const { text } = await askHttp(location, {}, signal)
    const control = parseDescription(text, location)
    if (!control) throw new Error('its description names no WANIPConnection:2')
    return new Router(control)
  }

  /** Its address on the other side; empty where it has none. */
  async externalAddress(signal: AbortSignal): Promise<string> {
    const address = await this.#valueOf('NewExternalIPAddress', actionOf('GetExternalIPAddress', {}), signal)
    if (address !== '' && !isIPv4(address)) throw new Error('it tells an address that is none')
    return address
  }

  /** Forwards a port to `host:port` for an hour, or for another; which it is depends on what is free. */
  async forward(port: number, host: string, signal: AbortSignal): Promise<number> {
    const action = actionOf('AddAnyPortMapping', {
      NewRemoteHost: '',
      NewExternalPort: port,
      NewProtocol: 'TCP',
      NewInternalPort: port,
      NewInternalClient: host,
      NewEnabled: 1,
      NewPortMappingDescription: DESCRIPTION,
      NewLeaseDuration: LEASE_SECONDS,
    })
    const reserved = await this.#valueOf('NewReservedPort', action, signal)
    const external = /^\d{1,5}$/.test(reserved) ? Number(reserved) : 0
    if (external < 1 || external > 65_535) throw new Error('it tells a port that is none')
    return external
  }

  async forget(externalPort: number, signal: AbortSignal): Promise<void> {
    const values = { NewRemoteHost: '', NewExternalPort: externalPort, NewProtocol: 'TCP' }
    await this.#run(actionOf('DeletePortMapping', values), signal)
  }

  async #valueOf(name: string, action: Action, signal: AbortSignal): Promise<string> {
    const value = parseValue(await this.#run(action, signal), name)
    if (value === undefined) throw new Error(`its answer has no ${name}`)
    return value
  }

  async #run({ headers, body }: Action, signal: AbortSignal): Promise<string> {
    const { status, text } = await askHttp(this.#control, { method: 'POST', headers, body }, signal)
    if (status !== 200) throw new Error(parseRefusal(text) ?? `HTTP status ${status}`)
    return text
  }
}
