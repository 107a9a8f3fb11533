import { defineErrors } from '../../../core/api.ts'

export const membersError = defineErrors({
  INDEX_VIOLATION: 'Update skep on the peer that is named.',
  NOT_A_MEMBER: 'Nothing: it was one, and is none any more.',
  INDEX_OVER: 'Nothing: who stopped following begins again when it can.',
  NO_ROOM: 'Raise plugins.routing.members.maxBytes or maxPeers.',
  READER_STALLED: 'Nothing: the peer asks again when it can.',
})
