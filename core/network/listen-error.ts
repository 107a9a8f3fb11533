import { messageOf } from '../errors.ts'
import { networkError } from './errors.ts'

/** libp2p tells only in its text which address it was: `  /ip4/…/tcp/4001: Error: listen EADDRINUSE …`. */
const FAILED_ADDRESS = /^ {2}(\/\S+): (?:Error: )?(.*)$/gm

/** What start threw, as LISTEN_FAILED where it was an address; else as it is. */
export function listenError(listen: readonly string[], error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== 'UnsupportedListenAddressesError') return error
  const failed = [...messageOf(error).matchAll(FAILED_ADDRESS)].map(
    ([, address, why]) => `${address} (${why})`,
  )
  const shown = failed.length > 0 ? failed : listen
  return networkError('LISTEN_FAILED', `cannot listen on ${shown.join(', ')}`, { cause: error })
}
