import { defineErrors } from '../errors.ts'

/** Errors of the network and of messages. */
export const networkError = defineErrors({
  IDENTITY_UNREADABLE: 'Restore identity.key from a backup, or move it away to start with a new identity.',
  LISTEN_FAILED: 'Stop what uses the address, or choose another with network.listen.',
  DIAL_FAILED: 'Check that the peer is up and that one of its addresses can be reached from here.',
  PEER_TIMEOUT: 'Try again later; the peer may be busy, asleep or gone.',
  PROTOCOL_UNSUPPORTED: 'Choose another peer, or update one of the two so that both speak the protocol.',
  FRAME_TOO_LARGE: 'Update the peer that sent it; one of the two breaks the protocol.',
  FRAME_MALFORMED: 'Update the peer that sent it; one of the two breaks the protocol.',
  LANE_UNAVAILABLE: 'Nothing: a stream of the connection does the same, at more cost.',
  STREAM_CLOSED: 'Open a new stream, or choose another peer.',
  REQUEST_FAILED: 'See the log of the peer that was asked.',
  PEER_BLOCKED: 'Let it in again with `skep peers unblock`, or take it out of network.blocked.',
  BLOCK_INVALID: 'Give an IP address, a network or a peer id; `skep peers ls` shows both of each peer.',
  BLOCK_CONFIGURED: 'Change network.blocked in the configuration and restart.',
  BLOCKLIST_FULL: 'Unblock what you no longer need, or block networks instead of single addresses.',
  SWARM_KEY_INVALID:
    'Give a swarm.key as Kubo and `ipfs-swarm-key-gen` make it; "Private networks" in the README tells how to make one.',
  SWARM_FULL: 'Lower network.maxConnections.',
  NETWORK_STOPPED: 'Start the node.',
  NAME_TAKEN: 'Choose another name, or stop what uses it.',
})
