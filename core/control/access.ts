/** Who may open the control socket: its owner, or its group as well. */
export const CONTROL_ACCESS = ['owner', 'group'] as const
export type ControlAccess = (typeof CONTROL_ACCESS)[number]
