import { defineErrors } from '../../core/api.ts'

export const routingError = defineErrors({
  LOOKUPS_FULL: 'Wait for other look-ups to end, or raise `routing.dht.maxLookups`.',
  DHT_ALONE: 'Connect to a node that takes part in the same DHT (`skep peers connect ADDRESS`).',
  ROUTER_FAILED: 'Look at the server that is named, or take it out of `routing.delegated`.',
  URL_INVALID: 'Write each server as https://host, with a path where it has one.',
  NAME_INVALID: 'Choose a short name such as `skep` or `my-fleet`.',
  PATH_REFUSED: 'Give the CID of what is there: `skep ls` shows those of a directory.',
})
