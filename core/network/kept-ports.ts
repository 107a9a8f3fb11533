import type { Listener, Transport } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { KeyValueStore } from '../storage/storage.ts'
import { portOf } from './tcp-place.ts'

/** Holds the port of the last start for each listen address that leaves it open. */
const BUCKET = 'kept-ports'
const MAX_PORT = 65_535

/**
 * A transport that listens where it did at its last start, for each address that ends in `/tcp/0`: peers that remember this node
 * find it there. Where somebody else has that port by now it takes any, which is kept from then on.
 */
export function keepingPorts<C>(
  create: (components: C) => Transport,
  store: KeyValueStore,
): (components: C) => Transport {
  return components => {
    const transport = create(components)
    const createListener = transport.createListener.bind(transport)
    transport.createListener = (options): Listener => {
      const listener = createListener(options)
      const listen = listener.listen.bind(listener)
      listener.listen = async address => {
        if (portOf(address) !== 0) return listen(address)
        const kept = keptAddress(address, store)
        if (kept && (await succeeds(listen(kept)))) return
        await listen(address)
        await keep(address, portOf(listener.getAddrs()[0] ?? address), store)
      }
      return listener
    }
    return transport
  }
}

function keptAddress(address: Multiaddr, store: KeyValueStore): Multiaddr | undefined {
  const bytes = store.bucket(BUCKET).get(keyOf(address))
  const port = bytes && decodePort(bytes)
  return port ? multiaddr(address.toString().replace(/0$/, String(port))) : undefined
}

/** Undefined for what is none: only a damaged index has such. */
export function decodePort(bytes: Uint8Array): number | undefined {
  const text = Buffer.from(bytes).toString()
  const port = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : MAX_PORT + 1
  return port <= MAX_PORT ? port : undefined
}

async function keep(address: Multiaddr, port: number | undefined, store: KeyValueStore): Promise<void> {
  const bucket = store.bucket(BUCKET)
  await store.write(batch => batch.put(bucket, keyOf(address), Buffer.from(String(port))))
}

function keyOf(address: Multiaddr): Uint8Array {
  return Buffer.from(address.toString())
}

/** Why it doesn't is of no interest: with any port it may. */
function succeeds(listening: Promise<void>): Promise<boolean> {
  return listening.then(
    () => true,
    () => false,
  )
}
