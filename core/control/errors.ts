import { defineErrors, isSkepError, messageOf } from '../errors.ts'

export const controlError = defineErrors({
  INPUT_INVALID: 'Correct the named part of the request.',
  ADDRESS_INVALID:
    'Give an address as `skep status` of the other node shows it, or the id of a peer; `skep peers` lists those known.',
  PEER_IS_SELF: 'Name another peer; `skep peers` lists those known, `skep status` tells of this node.',
  ROUTE_NOT_FOUND: 'Check the method and the path; command and node may be of different versions.',
  TREE_INVALID: 'Send a whole, uncompressed tar archive.',
  TREE_ENTRY_REFUSED:
    'Leave the entry out, or rename it: only relative paths of files, directories and symlinks are taken.',
  FILE_NOT_SHARED: 'Send the bytes of the file instead; skep does so by itself.',
  INPUT_UNREADABLE: 'Check the disk that the file is on.',
  INPUT_CHANGED: 'Repeat the command when nothing writes to the file.',
  LOCAL_ONLY: 'Run the command on the machine itself, by its control socket.',
  TUNNELS_FULL: 'Repeat the command when fewer run, or one after the other.',
  CONNECTIONS_FULL: 'Repeat the command when fewer run; look for a program that starts too many of them.',
  BOARD_TOO_OLD: 'Update skep on that board.',
  BOARD_REFUSES:
    'See `skep fleet members` on that board for what it knows: boards compare rosters when they connect. Then repeat the command.',
  CLIENT_GONE: 'Nothing to do: whoever asked has left.',
  NODE_STOPPING: 'Start the node again, then repeat the command.',
  SOCKET_PATH_TOO_LONG: 'Choose a shorter path with --socket or SKEP_SOCKET.',
  SOCKET_IN_USE: 'Stop the other node, or choose another --data or --socket.',
  SOCKET_FAILED:
    'Check the directory of the socket and its permissions, or choose another path with --socket.',
  PORT_IN_USE: 'Set control.port to a free port, or to 0 for any; another skep node may hold this one.',
  LISTEN_FAILED: 'Set control.host to an address of this machine and control.port to 1024 or above.',
  HOST_REFUSED: 'Ask by the address, by localhost, or by a name of control.names.',
  ORIGIN_REFUSED: 'Add the origin of the page to control.origins, if it is yours.',
  TOKEN_REQUIRED: 'Send `Authorization: Bearer skep-token-…`; `skep token create` makes one.',
  TOKEN_REFUSED: 'Make a new one with `skep token create`; `skep token ls` shows those that count.',
  TOO_MANY_TRIES: 'Wait as long as Retry-After says, and send a token that counts.',
  SCOPE_MISSING: 'Make a token that has it with `skep token create --scope …`.',
  TOKEN_UNKNOWN: 'See `skep token ls` for names and ids.',
  TOKEN_NAME_TAKEN: 'Choose another name, or revoke that one with `skep token revoke`.',
  TOKENS_FULL: 'Revoke those that nobody uses with `skep token revoke`.',
  REQUEST_TIMEOUT: 'Send the whole request at once, or raise control.requestTimeoutMs.',
  HEADERS_TOO_LARGE: 'Send fewer or shorter headers.',
  REQUEST_MALFORMED: 'Send plain HTTP/1.1: there is no TLS here.',
})

/** An error as it crosses the socket. */
export interface ErrorBody {
  readonly code: string
  readonly message: string
  readonly fix: string
}

/** HTTP status by error code, for whoever speaks HTTP; skep's own client reads the code. Anything else is 500. */
const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  INPUT_INVALID: 400,
  TREE_INVALID: 400,
  TREE_ENTRY_REFUSED: 400,
  CID_INVALID: 400,
  RANGE_INVALID: 400,
  TAG_INVALID: 400,
  BLOCK_INVALID: 400,
  PEER_AMBIGUOUS: 400,
  ENTRY_INVALID: 400,
  ADDRESS_INVALID: 400,
  PATH_REFUSED: 400,
  PEER_IS_SELF: 400,
  POSITION_INVALID: 400,
  PEER_BLOCKED: 403,
  PEER_BANNED: 403,
  NOT_HELD: 404,
  PEER_RETURNS: 409,
  ROUTE_NOT_FOUND: 404,
  PATH_NOT_FOUND: 404,
  NOT_PINNED: 404,
  PEER_UNKNOWN: 404,
  NOT_UNIXFS: 422,
  NOT_A_FILE: 422,
  NOT_A_DIRECTORY: 422,
  NAME_UNSAFE: 422,
  BLOCK_TOO_LARGE: 413,
  FILE_NOT_SHARED: 409,
  BLOCK_CONFIGURED: 409,
  TAGS_FULL: 409,
  BLOCKLIST_FULL: 409,
  INPUT_CHANGED: 409,
  BOARD_REFUSES: 403,
  LOCAL_ONLY: 403,
  TUNNELS_FULL: 429,
  CONNECTIONS_FULL: 503,
  BOARD_TOO_OLD: 502,
  CLIENT_GONE: 499,
  DIAL_FAILED: 502,
  NODE_STOPPING: 503,
  EVENTS_BUSY: 503,
  CONTENT_UNAVAILABLE: 504,
  BLOCK_UNAVAILABLE: 504,
  PEER_TIMEOUT: 504,
  STORAGE_FULL: 507,
  FLEET_NAME_INVALID: 400,
  INVITE_INVALID: 400,
  OWNER_KEY_INVALID: 400,
  NOT_OPERATOR: 403,
  NOT_OWNER: 403,
  INVITE_REFUSED: 403,
  MEMBER_UNKNOWN: 404,
  NO_FLEET: 409,
  FLEET_ALREADY: 409,
  FLEET_OTHER: 409,
  FLEET_FULL: 409,
  INVITES_FULL: 409,
  MEMBER_KEPT: 409,
  OWNER_KEY_HERE: 409,
  INVITER_UNREACHABLE: 502,
  HOST_REFUSED: 403,
  ORIGIN_REFUSED: 403,
  TOKEN_REQUIRED: 401,
  TOKEN_REFUSED: 401,
  TOO_MANY_TRIES: 429,
  SCOPE_MISSING: 403,
  TOKEN_UNKNOWN: 404,
  TOKEN_NAME_TAKEN: 409,
  TOKENS_FULL: 409,
  REQUEST_TIMEOUT: 408,
  HEADERS_TOO_LARGE: 431,
  REQUEST_MALFORMED: 400,
}

export function statusOf(error: unknown): number {
  return (isSkepError(error) ? STATUS_BY_CODE[error.code] : undefined) ?? 500
}

/** What the client is told. An error that nobody raised on purpose is a bug, and is called one. */
export function errorBody(error: unknown): ErrorBody {
  if (isSkepError(error)) return { code: error.code, message: error.message, fix: error.fix }
  return {
    code: 'INTERNAL_ERROR',
    message: messageOf(error),
    fix: "This is a bug in skep: please report it with the node's log.",
  }
}
