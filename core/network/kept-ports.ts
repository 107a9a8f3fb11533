import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import type { Bucket, KeyValueStore } from '../storage/storage.ts'

/** Holds the port chosen for each listen address that leaves it open. */
const BUCKET = 'kept-ports'

/**
 * Puts a port into each listen address that ends in `/tcp/0`: the one kept from the last start where it is still free, else
 * any free one, which is then kept. Peers that remember this node find it at the same address after a restart.
 */
export async function keepPorts(listen: readonly string[], store: KeyValueStore): Promise<string[]> {
  const bucket = store.bucket(BUCKET)
  const addresses: string[] = []
  for (const address of listen) {
    addresses.push(address.endsWith('/tcp/0') ? await keepPort(address, store, bucket) : address)
  }
  return addresses
}

async function keepPort(address: string, store: KeyValueStore, bucket: Bucket): Promise<string> {
  const key = Buffer.from(address)
  const host = multiaddr(address).getComponents()[0]?.value
  const kept = readPort(bucket.get(key))
  const port = (await freePort(host, kept)) ?? (await freePort(host, 0)) ?? 0
  if (port !== kept) await store.write(batch => batch.put(bucket, key, Buffer.from(String(port))))
  return address.replace(/0$/, String(port))
}

function readPort(bytes: Uint8Array | undefined): number {
  return bytes ? Number(Buffer.from(bytes).toString()) : 0
}

/** `port` itself (any, where it is 0) if it can be listened on now. */
async function freePort(host: string | undefined, port: number): Promise<number | undefined> {
  const server = createServer()
  try {
    server.listen({ host, port })
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  } catch {
    return undefined
  } finally {
    await new Promise(resolve => server.close(resolve))
  }
}
