import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { connectRaw } from '../../helpers/raw/raw-peer.ts'
import type { Place, Wire } from '../../helpers/raw/wire.ts'
import type { RawYamux } from '../../helpers/raw/yamux.ts'
import type { Arena } from './arena.ts'

/** Where peers knock at the node, from an address that nobody has used. */
export function placeOf({ victim, loopback }: Arena): Place {
  return { host: '127.0.0.1', port: victim.port, localAddress: loopback() }
}

/** Has `wire` closed after the attack. */
export function kept(arena: Arena, wire: Wire): Wire {
  arena.teardown(() => wire.destroy())
  return wire
}

export interface RawOffender {
  readonly id: string
  readonly key: PrivateKey
  readonly muxer: RawYamux
}

/** A new identity with a connection whose every frame is made by hand. The verdict is about it. */
export async function rawOffender(arena: Arena, place: Place = placeOf(arena)): Promise<RawOffender> {
  const key = await generateKeyPair('Ed25519')
  const id = peerIdFromPrivateKey(key).toString()
  const muxer = await connectRaw(place, { key })
  kept(arena, muxer.wire)
  arena.offender(id)
  return { id, key, muxer }
}

/** All protocols that the node says it speaks: those of its table, and those of libp2p's services. */
export async function protocolsOf(muxer: RawYamux): Promise<string[]> {
  const stream = muxer.open()
  stream.ask('ls')
  await stream.takeMessage()
  const lines = String(await stream.takeMessage()).split('\n')
  stream.reset()
  // Each has a byte with its length before it.
  return lines.map(line => line.slice(line.indexOf('/'))).filter(line => line.startsWith('/'))
}

/**
 * Resolves where `promise` does before the attack's time is over: for what the node does after a time of its own. How long that is
 * can be told by a clock that is no real one alone; here it is enough that it happens.
 */
export function untilEnd<T>({ signal }: Arena, what: string, promise: Promise<T>): Promise<T> {
  const late = new Promise<never>((_, reject) => {
    const onAbort = (): void => reject(new Error(`${what}: not while the attack lasted`))
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  return Promise.race([promise, late])
}

/** Resolves where `promise` does in time. */
export async function within<T>(what: string, ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
