import { defineErrors } from '../../core/api.ts'

export const discoveryError = defineErrors({
  DISCOVERY_CONFIG_INVALID:
    'Correct the named key under plugins.discovery; its README tells what each takes.',
  PEER_RECORD_INVALID:
    'Nothing to do here: the peer that told it is charged. Where all peers do it, look for what changes their packets.',
})
