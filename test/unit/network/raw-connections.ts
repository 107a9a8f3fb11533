import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type {
  Connection,
  ConnectionEncrypter,
  MessageStream,
  MultiaddrConnection,
  PeerId,
  PrivateKey,
  SecuredConnection,
  Upgrader,
} from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { multiaddr } from '@multiformats/multiaddr'
import { silentLogger } from '../../../core/logger.ts'
import type { FirstCipher } from '../../../core/network/ciphers.ts'
import { libp2pLogger } from '../../../core/network/libp2p-logger.ts'
import { NativeTls, type NativeTlsComponents } from '../../../core/network/native-tls.ts'
import { createTlsIdentity } from '../../../core/network/tls-identity.ts'
import { type Relay, startRelay } from '../../helpers/relay.ts'

interface Test {
  teardown(end: () => unknown): void
}

const logger = libp2pLogger(silentLogger)

/** Both ends of one TCP connection as libp2p's transport makes them, before anything is agreed on; a relay between. */
export interface RawPair {
  readonly dialed: MultiaddrConnection
  readonly accepted: MultiaddrConnection
  readonly relay: Relay
}

export async function rawPair(t: Test): Promise<RawPair> {
  const listener = await rawListener(t)
  const relay = await startRelay(t, { to: listener.port })
  const dialed = await rawDial(t, relay.port)
  return { dialed, accepted: await listener.accepted, relay }
}

/** libp2p's TCP transport listening for one connection. */
export async function rawListener(
  t: Test,
): Promise<{ readonly port: number; readonly accepted: Promise<MultiaddrConnection> }> {
  const { promise, resolve } = Promise.withResolvers<MultiaddrConnection>()
  const listener = tcp()({ logger }).createListener({
    upgrader: { upgradeInbound: async (c: MultiaddrConnection) => resolve(c) } as unknown as Upgrader,
  })
  await listener.listen(multiaddr('/ip4/127.0.0.1/tcp/0'))
  t.teardown(async () => {
    ;(await Promise.race([promise, undefined]))?.abort(new Error('The test has ended'))
    await listener.close()
  })
  const [address] = listener.getAddrs()
  return { port: Number(/tcp\/(\d+)/.exec(String(address))?.[1]), accepted: promise }
}

export async function rawDial(t: Test, port: number): Promise<MultiaddrConnection> {
  const { promise, resolve } = Promise.withResolvers<MultiaddrConnection>()
  const upgradeOutbound = async (connection: MultiaddrConnection): Promise<Connection> => {
    resolve(connection)
    return {} as Connection
  }
  await tcp()({ logger }).dial(multiaddr(`/ip4/127.0.0.1/tcp/${port}`), {
    upgrader: { upgradeOutbound } as unknown as Upgrader,
    signal: AbortSignal.timeout(10_000),
  })
  const connection = await promise
  t.teardown(() => connection.abort(new Error('The test has ended')))
  return connection
}

/** What an encrypter is made of; `muxers` are those it may agree on early. */
export async function encrypterParts(muxers: readonly string[] = ['/yamux/1.0.0']): Promise<{
  readonly privateKey: PrivateKey
  readonly upgrader: Upgrader
  readonly logger: typeof logger
}> {
  const factories = new Map(muxers.map(protocol => [protocol, yamux()()]))
  return {
    privateKey: await generateKeyPair('Ed25519'),
    upgrader: { getStreamMuxers: () => factories } as unknown as Upgrader,
    logger,
  }
}

/** `native`: ours; `stock`: @libp2p/tls. */
export type Make = 'native' | 'stock'

export async function encrypter(
  make: Make,
  { firstCipher, muxers }: { firstCipher?: FirstCipher; muxers?: readonly string[] } = {},
): Promise<ConnectionEncrypter & { readonly peer: PeerId }> {
  const parts = await encrypterParts(muxers)
  const made = make === 'native' ? nativeTls(parts, firstCipher) : tls()(parts)
  return Object.assign(made, { peer: peerIdFromPrivateKey(parts.privateKey) })
}

export function nativeTls(
  parts: NativeTlsComponents & { readonly privateKey: PrivateKey },
  firstCipher: FirstCipher = 'aes',
): NativeTls {
  return new NativeTls(createTlsIdentity(parts.privateKey, { firstCipher }), parts)
}

export interface SecuredPair {
  readonly client: SecuredConnection
  readonly server: SecuredConnection
}

export async function securePair(
  { dialed, accepted }: Pick<RawPair, 'dialed' | 'accepted'>,
  by: { readonly client?: ConnectionEncrypter; readonly server?: ConnectionEncrypter } = {},
): Promise<SecuredPair> {
  const clientSide = by.client ?? (await encrypter('native'))
  const serverSide = by.server ?? (await encrypter('native'))
  const [client, server] = await Promise.all([
    clientSide.secureOutbound(dialed),
    serverSide.secureInbound(accepted),
  ])
  return { client, server }
}

/** What arrives from now on; `upTo(bytes)` resolves with all of it once there is as much, or with less at the end. */
export function collect(stream: MessageStream): {
  readonly bytes: () => Buffer
  upTo(bytes: number): Promise<Buffer>
} {
  const parts: Uint8Array[] = []
  let length = 0
  let over = false
  let look = (): void => {}
  stream.addEventListener('close', () => {
    over = true
    look()
  })
  stream.addEventListener('message', ({ data }) => {
    parts.push(data.subarray())
    length += data.byteLength
    look()
  })
  const bytes = (): Buffer => Buffer.concat(parts)
  return {
    bytes,
    upTo: wanted =>
      new Promise(resolve => {
        look = () => {
          if (length >= wanted || over) resolve(bytes())
        }
        look()
      }),
  }
}

/** Bytes that aren't all alike, so that a lost, doubled or moved part shows. */
export function pattern(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length)
  for (let at = 0, value = seed; at < length; at++) {
    value = (value * 1_103_515_245 + 12_345) & 0x7fffffff
    bytes[at] = value >> 16
  }
  return bytes
}
