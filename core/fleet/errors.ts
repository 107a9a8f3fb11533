import { defineErrors } from '../errors.ts'

/** Errors of fleets: rosters, keys, invites. */
export const fleetError = defineErrors({
  NO_FLEET: 'Make one with `skep fleet create`, or join one with `skep fleet join INVITE`.',
  FLEET_ALREADY: 'Leave it first with `skep fleet leave`.',
  FLEET_OTHER: 'Use what belongs to the fleet that this node is in; `skep fleet status` shows which.',
  FLEET_FULL: 'Remove members that are gone with `skep fleet remove`.',
  FLEET_NAME_INVALID: 'Choose a name of 1 to 64 bytes, without control characters.',
  NOT_OPERATOR:
    'Do it on the board with the owner key, or have the owner delegate to this one with `skep fleet delegate`.',
  NOT_OWNER: 'Do it on the board with the owner key; `skep fleet restore-key` brings it back from a backup.',
  OWNER_KEY_HERE: 'Back the key up with `skep fleet backup-key`, then leave with `--delete-key`.',
  OWNER_KEY_UNREADABLE: 'Restore fleet-owner.key from a backup with `skep fleet restore-key`.',
  OWNER_KEY_INVALID: 'Give the whole text that `skep fleet backup-key` printed.',
  MEMBER_UNKNOWN: 'See `skep fleet members` for peer ids and names.',
  MEMBER_KEPT: 'Take its delegation away first, or remove it from another board.',
  FLEET_UNREADABLE:
    'Update skep, as a newer one may have written it; else restore the data directory from a backup.',
  ROSTER_INVALID:
    'Update the peer that sent it; a roster is signed by the owner or an operator of the fleet.',
  INVITE_INVALID: 'Copy the whole text that `skep fleet invite` printed, from `skep-invite-` on.',
  INVITE_REFUSED: 'Ask for a new invite: one can be used once, by one board, until it expires.',
  INVITES_FULL: 'Cancel invites that nobody used with `skep fleet invite --cancel-all`.',
  SWARM_PRIVATE:
    'Let boards join while none of them has network.swarmKeyFile, then give it to all; what makes them members stays.',
  INVITER_UNREACHABLE:
    'Check that the board that made the invite runs and that one of its addresses can be reached from here.',
})
