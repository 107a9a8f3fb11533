import { defineErrors } from '../../core/api.ts'

export const discoveryError = defineErrors({
  DISCOVERY_CONFIG_INVALID:
    'Correct the named key under plugins.discovery; its README tells what each takes.',
})
