import type { Fleet } from '../../../core/api.ts'

/** Of nodes that anybody may meet. */
const OPEN_TAG = '_skep._udp.local'

/**
 * The names that this node asks for and answers to. In a fleet there is one that its members share; a closed one has no other,
 * since whoever else came would be sent away. `configured` stands for all of them.
 */
export function serviceTags(
  configured: string | undefined,
  fleet: Pick<Fleet, 'label' | 'isClosed'> | undefined,
): readonly string[] {
  if (configured !== undefined) return [configured]
  const own = fleet?.label === undefined ? [] : [`_skep-${fleet.label}._udp.local`]
  return fleet?.isClosed ? own : [...own, OPEN_TAG]
}
