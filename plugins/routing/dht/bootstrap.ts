import type { Multiaddr } from '@multiformats/multiaddr'
import { type Clock, type Logger, messageOf, type NetworkPort } from '../../../core/api.ts'

/** https://github.com/ipfs/kubo/blob/master/config/bootstrap_peers.go */
export const AMINO_BOOTSTRAP = [
  '/dnsaddr/bootstrap.libp2p.io/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN',
  '/dnsaddr/bootstrap.libp2p.io/p2p/QmQCU2EcMqAqQPR2i9bChDtGNJchTbq5TbXJJ16u19uLTa',
  '/dnsaddr/bootstrap.libp2p.io/p2p/QmbLHAnMoJPWSCR5Zhtx6BHJX9KiKNN6tpvbUcqanj75Nb',
  '/dnsaddr/bootstrap.libp2p.io/p2p/QmcZf59bWwK5XFi76CZX8cbJ4BhTzzA3gU1ZjYZcYW3dwt',
]

const FIRST_PAUSE_MS = 30_000
const LAST_PAUSE_MS = 30 * 60_000
/** Table updates ping a peer before they take it. */
const JOIN_MS = 10_000

export interface BootstrapDependencies {
  readonly dht: { readonly peers: number }
  readonly network: Pick<NetworkPort, 'dial'>
  readonly log: Logger
  readonly clock: Clock
}

/** Background loop: while the DHT has no peer, dials those that it begins with, one after another, ever more rarely. */
export async function keepJoined(
  addresses: readonly Multiaddr[],
  { dht, network, log, clock }: BootstrapDependencies,
  signal: AbortSignal,
): Promise<void> {
  let pauseMs = FIRST_PAUSE_MS
  try {
    for (;;) {
      for (const address of addresses) {
        if (dht.peers > 0) break
        try {
          await network.dial(address, { signal })
          await clock.wait(JOIN_MS, signal)
        } catch (error) {
          signal.throwIfAborted()
          log.debug(
            { address: address.toString(), reason: messageOf(error) },
            'a bootstrap node is not there',
          )
        }
      }
      pauseMs = dht.peers > 0 ? FIRST_PAUSE_MS : Math.min(2 * pauseMs, LAST_PAUSE_MS)
      await clock.wait(pauseMs, signal)
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
