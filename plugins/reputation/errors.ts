import { defineErrors } from '../../core/api.ts'

export const reputationError = defineErrors({
  BAN_TIMES_INVALID: 'Set plugins.reputation.maxBanMs to at least plugins.reputation.banMs.',
  PEER_BANNED: 'See `skep peers why` for the evidence; `skep peers pardon` lets it in again at once.',
})
