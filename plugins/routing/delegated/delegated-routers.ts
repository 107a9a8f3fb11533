import type { PeerId } from '@libp2p/interface'
import { peerIdFromCID, peerIdFromString } from '@libp2p/peer-id'
import type { Multiaddr } from '@multiformats/multiaddr'
import { CID } from 'multiformats/cid'
import { type Logger, messageOf } from '../../../core/api.ts'
import { Slots } from '../dht/slots.ts'
import { dialable, parseAddress } from '../search/addresses.ts'
import type { FoundPeer } from '../search/source.ts'
import { ACCEPT, recordsOf } from './answer.ts'
import { get } from './request.ts'

/** Requests to one server at a time; others wait within their own time. */
const MAX_REQUESTS = 4
/** Of one peer, as the server tells them; the first that can be read are kept. */
const MAX_ADDRESSES_READ = 64
/** The longest id, of an RSA key, has under half as many: base58 takes the square of its length. */
const MAX_ID_CHARACTERS = 256

export interface DelegatedOptions {
  readonly urls: readonly string[]
  readonly timeoutMs: number
}

interface Server {
  readonly base: string
  readonly slots: Slots
}

/** Servers that look for others: https://specs.ipfs.tech/routing/http-routing-v1/. All are asked at once. */
export class DelegatedRouters {
  readonly #timeoutMs: number
  readonly #log: Logger
  readonly #servers: readonly Server[]

  constructor({ urls, timeoutMs }: DelegatedOptions, { log }: { readonly log: Logger }) {
    this.#timeoutMs = timeoutMs
    this.#log = log
    this.#servers = urls.map(url => ({
      base: url.endsWith('/') ? url : `${url}/`,
      slots: new Slots(MAX_REQUESTS),
    }))
  }

  async *findProviders(cid: CID, signal: AbortSignal): AsyncGenerator<FoundPeer, void, void> {
    let failures = 0
    const over = new AbortController()
    const limited = AbortSignal.any([signal, over.signal])
    const answers = this.#servers.map(server => this.#ask(server, 'providers', cid, limited))
    try {
      yield* merged(answers, error => {
        failures += 1
        this.#log.debug({ reason: messageOf(error) }, 'a delegated router failed')
        if (failures === answers.length) throw error
      })
    } finally {
      over.abort()
    }
  }

  /** The first answer that has addresses; empty where none has. */
  async findPeer(peer: PeerId, signal: AbortSignal): Promise<readonly Multiaddr[]> {
    const asked = this.#servers.map(async server => {
      for await (const found of this.#ask(server, 'peers', peer.toCID(), signal)) {
        if (found.peer.equals(peer) && found.addresses.length > 0) return found.addresses
      }
      throw new RangeError('it knows no address')
    })
    return Promise.any(asked).catch(() => [])
  }

  async *#ask(
    { base, slots }: Server,
    what: 'providers' | 'peers',
    cid: CID,
    signal: AbortSignal,
  ): AsyncGenerator<FoundPeer, void, void> {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(this.#timeoutMs)])
    const release = await slots.take(limited)
    try {
      const url = new URL(`routing/v1/${what}/${cid}`, base)
      const response = await get(url, ACCEPT, limited)
      const list = what === 'providers' ? 'Providers' : 'Peers'
      for await (const record of recordsOf(response, { list, origin: url.origin })) {
        const found = parseRecord(record)
        if (found) yield found
      }
    } finally {
      release()
    }
  }
}

/** What comes of all, in the order in which it comes. `onError` hears of those that fail, and may end it all. */
async function* merged<T>(
  answers: readonly AsyncGenerator<T, void, void>[],
  onError: (error: unknown) => void,
): AsyncGenerator<T, void, void> {
  const next = async (index: number): Promise<Step<T>> => {
    try {
      return { index, result: await answers[index]?.next() }
    } catch (error) {
      return { index, error }
    }
  }
  const steps = new Map(answers.map((_, index) => [index, next(index)]))
  try {
    while (steps.size > 0) {
      const step = await Promise.race(steps.values())
      if (step.result && !step.result.done) {
        steps.set(step.index, next(step.index))
        yield step.result.value
        continue
      }
      steps.delete(step.index)
      if ('error' in step) onError(step.error)
    }
  } finally {
    // Those that are under way end with their signal; nobody waits for them.
    for (const index of steps.keys()) answers[index]?.return().catch(() => undefined)
  }
}

interface Step<T> {
  readonly index: number
  readonly result?: IteratorResult<T, void> | undefined
  readonly error?: unknown
}

/** Undefined for a record that names no peer: servers tell of other things, too. */
export function parseRecord(record: unknown): FoundPeer | undefined {
  const { ID: id, Addrs: addresses } = (record ?? {}) as { readonly ID?: unknown; readonly Addrs?: unknown }
  const peer = typeof id === 'string' ? peerOf(id) : undefined
  if (!peer) return undefined
  const texts = Array.isArray(addresses) ? addresses.slice(0, MAX_ADDRESSES_READ) : []
  return {
    peer,
    addresses: dialable(texts.flatMap(text => (typeof text === 'string' ? (parseAddress(text) ?? []) : []))),
  }
}

/** Of an id in either of its forms: https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md#string-representation */
function peerOf(id: string): PeerId | undefined {
  if (id.length > MAX_ID_CHARACTERS) return undefined
  try {
    return /^(Qm|1)/.test(id) ? peerIdFromString(id) : peerIdFromCID(CID.parse(id))
  } catch {
    return undefined
  }
}
