import { defineErrors } from '../errors.ts'

export type ContentErrorCode =
  | 'CID_INVALID'
  | 'PATH_NOT_FOUND'
  | 'NOT_UNIXFS'
  | 'NOT_A_FILE'
  | 'NOT_A_DIRECTORY'
  | 'NAME_UNSAFE'
  | 'RANGE_INVALID'
  | 'CONTENT_UNAVAILABLE'
  | 'CONTENT_CORRUPT'
  | 'DAG_INVALID'
  | 'ENTRY_INVALID'
  | 'HASHING_FAILED'
  | 'NOT_PINNED'
  | 'PIN_REMOVED'

export const contentError = defineErrors<ContentErrorCode>({
  CID_INVALID:
    'Give a CID such as bafybei…, or a path CID/a/b, with sha2-256, sha2-512, blake2b-256 or blake3.',
  PATH_NOT_FOUND: 'List the directory with `skep ls` to see which names it has.',
  NOT_UNIXFS: 'Ask for content that is files and directories (UnixFS); other data can be pinned, not read.',
  NOT_A_FILE:
    'List a directory with `skep ls`, name what a symlink points to by its own path, or get either with `skep get`.',
  NOT_A_DIRECTORY: 'Read it with `skep cat` or `skep get`.',
  NAME_UNSAFE: 'Get the entries of the directory one by one: this name must not become a file name here.',
  RANGE_INVALID: 'Give an offset and a length that are whole numbers of bytes, 0 or more.',
  CONTENT_UNAVAILABLE: 'Connect to a peer that has the content (`skep peers connect`) and try again.',
  CONTENT_CORRUPT: 'Check the disk, and connect to a peer that has a good copy.',
  DAG_INVALID: 'Ask whoever made the content: one of its blocks is malformed or passes the limits of a DAG.',
  ENTRY_INVALID: 'Give entries with relative paths of plain names, each once, parents before what they hold.',
  HASHING_FAILED: 'Add it again; where that fails too, see the log of the node, and whether memory is short.',
  NOT_PINNED: 'See what is pinned with `skep pin ls`.',
  PIN_REMOVED: 'Pin it again if you want it kept: it was removed in the meantime.',
})
