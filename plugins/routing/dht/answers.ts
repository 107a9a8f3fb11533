import type { PeerInfo } from '@libp2p/interface'
import type { QueryEvent } from '@libp2p/kad-dht'
import { dialable } from '../search/addresses.ts'

/** Providers that one answer names: nobody takes more of a search. */
const MAX_PROVIDERS = 100

/** What kad-dht asks others by. */
export interface KadNetwork {
  sendRequest(...given: readonly never[]): AsyncGenerator<QueryEvent>
  safeDispatchEvent(name: string, init?: { detail?: unknown }): boolean
}

export interface AnswersOptions {
  /** Nodes that an honest answer names, at most. */
  readonly bucketSize: number
}

/**
 * Takes of each answer as many peers, and of each as many addresses, as one has a use for. An answer of 256 KiB has room for five
 * thousand peers, each of which would be looked at, compared and stored: seconds of a processor.
 */
export function boundAnswers(network: KadNetwork, { bucketSize }: AnswersOptions): void {
  const sendRequest = network.sendRequest.bind(network)
  network.sendRequest = async function* (...given) {
    for await (const event of sendRequest(...given)) {
      if (event.name !== 'PEER_RESPONSE') yield event
      else {
        const closer = event.closer.slice(0, bucketSize).map(bare)
        yield { ...event, closer, providers: event.providers.slice(0, MAX_PROVIDERS).map(bare) }
      }
    }
  }
  const dispatch = network.safeDispatchEvent.bind(network)
  let told = 0
  network.safeDispatchEvent = (name, init) => {
    if (name !== 'peer') return dispatch(name, init)
    // All of one answer are told of without a pause.
    if (told === 0)
      queueMicrotask(() => {
        told = 0
      })
    told += 1
    return told <= 2 * bucketSize && dispatch(name, { detail: bare(init?.detail as PeerInfo) })
  }
}

function bare({ id, multiaddrs }: PeerInfo): PeerInfo {
  return { id, multiaddrs: dialable(multiaddrs) }
}
