import { defineErrors } from '../errors.ts'

export const stateError = defineErrors({
  TAG_INVALID: 'Name a tag with 1 to 64 printable characters, and give it a value from 1 to 100.',
  TAGS_FULL: 'Take tags away that are of no use any more with `skep peers untag`.',
  PEER_UNKNOWN: 'See the peers there are with `skep peers`.',
  PEER_RETURNS: 'Keep it out with `skep peers block`, then try again.',
  PEER_AMBIGUOUS: 'Give more of the peer id; `skep peers` shows them whole.',
  EVENTS_MISSED:
    'Ask for the status again, then follow from there; read faster, or give `since` to fill a short gap.',
  POSITION_INVALID:
    'Give the number of an event as `skep events` shows it; they begin anew with each start of the node.',
  EVENTS_BUSY: 'End some of the programs that follow the events of this node.',
})
