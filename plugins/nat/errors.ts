import { defineErrors } from '../../core/api.ts'

export const natError = defineErrors({
  HOLE_PUNCH_FAILED:
    'Nothing to do where a relay is enough. Else forward a port to one of the two nodes, by UPnP or by hand, with network.announce.',
})
