import { isIP } from 'node:net'
import type { Schema } from '../config/schema.ts'
import { CONTROL_ACCESS, type ControlAccess } from './access.ts'
import { isLoopbackAddress } from './http-origin.ts'

export interface ControlConfig {
  readonly access: ControlAccess
  readonly port: number | undefined
  readonly host: string
  readonly insecure: boolean
  readonly names: readonly string[]
  readonly origins: readonly string[]
  readonly maxConnections: number
  readonly maxConnectionsPerHost: number
  readonly requestTimeoutMs: number
  readonly stallTimeoutMs: number
}

export const controlSchema: Schema<ControlConfig> = {
  access: {
    doc:
      'Who may use the control socket, and with it everything the node can do: `owner` is the user that runs it, ' +
      '`group` their group as well.',
    format: CONTROL_ACCESS,
    default: 'owner',
  },
  port: {
    doc:
      'The port to answer on by TCP too, for those who bring a token of `skep token create`. 0 takes any free one; ' +
      '`details.control` of the status tells which. Not set: by the socket alone.',
    format: 'port',
    default: undefined,
  },
  host: {
    doc: 'The IP address to listen on for `control.port`. Anything but a loopback address takes `control.insecure`.',
    format: 'string',
    default: '127.0.0.1',
  },
  insecure: {
    doc:
      'Take `control.host` even though others can reach it. There is no TLS here: tokens and content can be read on their way, ' +
      'unless the network itself is encrypted, as a VPN is.',
    format: 'boolean',
    default: false,
  },
  names: {
    doc:
      'Names by which the node may be asked by TCP, beside `localhost` and the address itself; behind a reverse proxy, its name. ' +
      'Any other is refused, as a web page may give this machine a name of its own.',
    format: 'strings',
    default: [],
  },
  origins: {
    doc: 'Web pages that may ask by TCP, with a token: their origins, such as https://dash.example.org. Others are refused.',
    format: 'strings',
    default: [],
  },
  maxConnections: {
    doc: 'TCP connections at a time. For further ones those make room that ask nothing; where all do, the newcomer is hung up on.',
    format: 'integer',
    unit: 'connections',
    default: 64,
    min: 1,
    max: 10_000,
  },
  maxConnectionsPerHost: {
    doc:
      'TCP connections from one host at a time; for further ones, as with `control.maxConnections`. All that a reverse proxy passes ' +
      'on are of one host.',
    format: 'integer',
    unit: 'connections',
    default: 16,
    min: 1,
    max: 10_000,
  },
  requestTimeoutMs: {
    doc: 'How long a client by TCP may take to send the headers of a request, and how long an idle connection is kept.',
    format: 'duration',
    default: 10_000,
    min: 100,
    max: 600_000,
  },
  stallTimeoutMs: {
    doc:
      'How long a client by TCP may send less than a kilobyte of what it has to send, or take nothing of its answer, before ' +
      'it is hung up on.',
    format: 'duration',
    default: 30_000,
    min: 100,
    max: 600_000,
  },
}

/** A key that doesn't hold as it is, and why: a clause that follows its name. */
export interface ControlProblem {
  readonly key: keyof ControlConfig
  readonly message: string
}

/** What no single key can tell of itself. */
export function controlProblems(config: ControlConfig): ControlProblem[] {
  const { host, insecure, names, origins } = config
  const problems: ControlProblem[] = []
  if (isIP(host) === 0) {
    problems.push({ key: 'host', message: `expected an IP address, got ${JSON.stringify(host)}` })
  } else if (!isLoopbackAddress(host) && !insecure) {
    const message =
      `others can reach ${host}, and nothing here encrypts: expected a loopback address, ` +
      'with an SSH tunnel or a TLS proxy before it, or control.insecure: true'
    problems.push({ key: 'host', message })
  }
  const name = names.find(name => !isHostName(name))
  if (name !== undefined) {
    problems.push({ key: 'names', message: `expected names without port, got ${JSON.stringify(name)}` })
  }
  const origin = origins.find(origin => !isOrigin(origin))
  if (origin !== undefined) {
    const message = `expected origins such as https://dash.example.org, got ${JSON.stringify(origin)}`
    problems.push({ key: 'origins', message })
  }
  return problems
}

function isHostName(text: string): boolean {
  return isIP(text) !== 0 || /^[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?$/i.test(text)
}

/** As a browser sends it: no path, no default port, lower case. */
function isOrigin(text: string): boolean {
  return /^https?:\/\//.test(text) && URL.canParse(text) && new URL(text).origin === text
}
