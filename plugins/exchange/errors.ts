import { defineErrors } from '../../core/api.ts'

export const exchangeError = defineErrors({
  BLOCK_UNAVAILABLE: 'Connect to a peer that holds the content (`skep peers connect ADDRESS`) and try again.',
  BLOCK_OVER_HINT: 'Fetch the block again without a size hint.',
  HASH_NOT_ALLOWED: 'Import the content again with sha2-256, sha2-512, blake2b-256 or blake3.',
  SESSION_CLOSED: 'Fetch before the session is disposed of.',
  EXCHANGE_STOPPED: 'Start the node again, then repeat the request.',
  TOO_MANY_WANTS: 'Wait for earlier blocks before fetching more.',
  STREAM_DROPPED: 'Nothing: blocks that were on their way are asked for again.',
  PROTOCOL_VIOLATION: 'Update skep on the peer that is named.',
})
