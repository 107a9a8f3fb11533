/** How commands explain the argument that names a peer. */
export const PEER = 'peer id, or how the id of one known peer begins or ends'
