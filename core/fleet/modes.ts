/** Who may connect: anybody, or members of the fleet alone. */
export const FLEET_MODES = ['open', 'closed'] as const
export type FleetMode = (typeof FLEET_MODES)[number]
