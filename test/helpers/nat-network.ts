import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { createNamespace, type Namespace, namespacesMissing } from './namespace.ts'

const run = promisify(execFile)

/** Where nothing of this machine leads: all of it lies within namespaces. AutoNAT leaves out the ranges kept for examples. */
const PUBLIC = { relay: '5.1.1', witness: '62.2.2', first: '78.3.3', second: '91.4.4' } as const

/** What carriers give to homes that share an address (RFC 6598). */
const CARRIER = '100.64.7'

/** How a router hides the hosts behind it. */
export type Masquerade =
  /** As Linux does it by itself: a connection keeps its port where that is free. */
  | 'masquerade'
  /** Each connection gets a port at random, as with some carriers. */
  | 'masquerade fully-random'

export interface Home {
  /** Namespace of the host behind the router. */
  readonly host: string
  readonly router: string
  /** The router's address on the public side. */
  readonly publicAddress: string
  readonly privateAddress: string
}

/**
 * A public network with two hosts of different providers, and two homes, each a host behind a router of its own that
 * masquerades and lets nothing in that wasn't asked for (nftables).
 */
export interface NatNetwork extends AsyncDisposable {
  readonly relay: { readonly namespace: string; readonly address: string }
  readonly witness: { readonly namespace: string; readonly address: string }
  readonly homes: readonly [Home, Home]
}

/** Why such a network can't be made here, for a test to skip with; false where it can, and always in CI. */
export async function natNetworkMissing(...programs: string[]): Promise<string | false> {
  if (process.env.CI === 'true') return false
  const missing = await namespacesMissing()
  if (missing) return missing
  for (const program of ['nft', ...programs]) {
    try {
      await run('sh', ['-c', `command -v ${program}`])
    } catch {
      return `${program} is not installed`
    }
  }
  return false
}

export async function createNatNetwork(masquerade: Masquerade = 'masquerade'): Promise<NatNetwork> {
  await using made = new AsyncDisposableStack()
  const create = async (): Promise<string> => made.use<Namespace>(await createNamespace()).name
  const internet = await create()
  await forward(internet)
  const publicHost = (net: string) => createPublicHost(create, internet, net)
  const home = (net: string, lan: string) => createHome(create, internet, net, lan, masquerade)
  const relay = await publicHost(PUBLIC.relay)
  const witness = await publicHost(PUBLIC.witness)
  const homes = [await home(PUBLIC.first, '192.168.1'), await home(PUBLIC.second, '192.168.2')] as const
  const owned = made.move()
  return { relay, witness, homes, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** A home whose provider gives its router no address of its own: what leaves it passes another router (carrier-grade NAT). */
export async function createCarrierHome(): Promise<Home & AsyncDisposable> {
  await using made = new AsyncDisposableStack()
  const create = async (): Promise<string> => made.use<Namespace>(await createNamespace()).name
  const carrier = await create()
  const home = await createHome(create, carrier, CARRIER, '192.168.1')
  const owned = made.move()
  return { ...home, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** A UPnP router in a home: Debian's miniupnpd. */
export interface UpnpRouter extends AsyncDisposable {
  /** External ports that it forwards, and where to. */
  mappings(): Promise<readonly string[]>
}

export async function startUpnpRouter({ router }: Home, directory: string): Promise<UpnpRouter> {
  const config = join(directory, 'miniupnpd.conf')
  await writeFile(config, MINIUPNPD)
  await route(router, '239.0.0.0/8', 'dev', 'lan')
  const command = ['miniupnpd', '-d', '-f', config, '-P', join(directory, 'miniupnpd.pid')]
  const child = spawn('ip', ['netns', 'exec', router, ...command], { stdio: ['ignore', 'ignore', 'pipe'] })
  const exited = once(child, 'exit')
  const log: string[] = []
  const listening = Promise.withResolvers<void>()
  createInterface({ input: child.stderr }).on('line', line => {
    log.push(line)
    if (line.includes('HTTP listening')) listening.resolve()
  })
  const ended = exited.then(() => Promise.reject(new Error(`miniupnpd ended:\n${log.join('\n')}`)))
  ended.catch(() => {})
  await Promise.race([listening.promise, ended])
  return {
    async mappings() {
      const { stdout } = await run('ip', ['netns', 'exec', router, 'nft', 'list', 'chain', ...MAPPINGS])
      return Array.from(stdout.matchAll(/dport (\d+) .*dnat ip to (\S+)/g), ([, port, to]) => `${port} ${to}`)
    },
    async [Symbol.asyncDispose]() {
      child.kill()
      await exited
    },
  }
}

type Create = () => Promise<string>

async function createPublicHost(create: Create, internet: string, net: string) {
  const namespace = await create()
  await link([internet, `to-${net}`, `${net}.1`], [namespace, 'eth', `${net}.2`])
  await route(namespace, 'default', 'via', `${net}.1`)
  return { namespace, address: `${net}.2` }
}

async function createHome(
  create: Create,
  internet: string,
  net: string,
  lan: string,
  masquerade: Masquerade = 'masquerade',
): Promise<Home> {
  const { namespace: router, address: publicAddress } = await createPublicHost(create, internet, net)
  const host = await create()
  await link([router, 'lan', `${lan}.1`], [host, 'eth', `${lan}.10`])
  await route(host, 'default', 'via', `${lan}.1`)
  // Routers are searched for by multicast.
  await route(host, '239.0.0.0/8', 'dev', 'eth')
  await forward(router)
  await filter(router, masquerade)
  return { host, router, publicAddress, privateAddress: `${lan}.10` }
}

type End = readonly [namespace: string, device: string, address: string]

async function link(
  [namespace, device, address]: End,
  [other, otherDevice, otherAddress]: End,
): Promise<void> {
  const end = ['name', device, 'netns', namespace]
  await run('ip', ['link', 'add', ...end, 'type', 'veth', 'peer', 'name', otherDevice, 'netns', other])
  await up(namespace, device, address)
  await up(other, otherDevice, otherAddress)
}

async function up(namespace: string, device: string, address: string): Promise<void> {
  await run('ip', ['-n', namespace, 'address', 'add', `${address}/24`, 'dev', device])
  await run('ip', ['-n', namespace, 'link', 'set', 'dev', device, 'up'])
}

async function route(namespace: string, ...args: string[]): Promise<void> {
  await run('ip', ['-n', namespace, 'route', 'add', ...args])
}

async function forward(namespace: string): Promise<void> {
  await run('ip', ['netns', 'exec', namespace, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward'])
}

async function filter(router: string, masquerade: Masquerade): Promise<void> {
  const running = run('ip', ['netns', 'exec', router, 'nft', '--file', '-'])
  running.child.stdin?.end(`table inet router {
  chain input {
    type filter hook input priority filter; policy accept;
    ct state established,related accept
    iifname "eth" drop
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "lan" accept
    jump miniupnpd
  }
  chain miniupnpd {
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    jump prerouting_miniupnpd
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    jump postrouting_miniupnpd
    oifname "eth" ${masquerade}
  }
  chain prerouting_miniupnpd {
  }
  chain postrouting_miniupnpd {
  }
}
`)
  await running
}

const MAPPINGS = ['inet', 'router', 'prerouting_miniupnpd']

const MINIUPNPD = `ext_ifname=eth
listening_ip=lan
http_port=0
enable_upnp=yes
enable_natpmp=no
secure_mode=yes
uuid=6a0f2d3c-1111-4222-8333-444455556666
upnp_table_name=router
upnp_nat_table_name=router
upnp_forward_chain=miniupnpd
upnp_nat_chain=prerouting_miniupnpd
upnp_nat_postrouting_chain=postrouting_miniupnpd
allow 1024-65535 192.168.0.0/16 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
`
