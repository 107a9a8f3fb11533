import { defineErrors } from '../../core/api.ts'

export const verificationError = defineErrors({
  NOT_HELD: 'Fetch it first with `skep get` or `skep pin add`: only what is here can be verified.',
})
