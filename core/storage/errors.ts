import { defineErrors } from '../errors.ts'

export type StorageErrorCode =
  | 'STORAGE_FULL'
  | 'STORAGE_FAILED'
  | 'STORAGE_CLOSED'
  | 'STORAGE_LOCKED'
  | 'STORAGE_TOO_NEW'
  | 'STORAGE_UNREADABLE'
  | 'VAULT_DAMAGED'
  | 'BUCKET_UNKNOWN'
  | 'KEY_INVALID'
  | 'BLOCK_NOT_FOUND'
  | 'BLOCK_CORRUPT'
  | 'BLOCK_TOO_LARGE'

export const storageError = defineErrors<StorageErrorCode>({
  STORAGE_FULL:
    'Raise storage.maxBytes (storage.mapBytes where the index is full), unpin content, or free space on the file system.',
  STORAGE_FAILED:
    'Check the disk (kernel log, SMART) and start again: the store verifies itself at the next start.',
  STORAGE_CLOSED: 'Open the storage again: it was closed.',
  STORAGE_LOCKED: 'Stop the process that holds the directory, or choose another one with --data.',
  STORAGE_TOO_NEW: 'Upgrade skep: a newer version wrote this store.',
  STORAGE_UNREADABLE:
    'Check the permissions and the disk; `skep storage rebuild` makes the index again from the segments.',
  VAULT_DAMAGED:
    'Put a copy of `vault` or `vault-snapshots` from a backup in place; or move both elsewhere, start without pins, and pin again what is to be kept.',
  BUCKET_UNKNOWN: 'Add the bucket to core/storage/buckets.ts, or name it <plugin>/<name>.',
  KEY_INVALID: 'Give a key of 1 to 1,978 bytes; a multihash of a block has at most 104.',
  BLOCK_NOT_FOUND: 'Fetch the block from a peer.',
  BLOCK_CORRUPT: 'Fetch the block again: its copy here is damaged and no longer counts as held.',
  BLOCK_TOO_LARGE: 'Split the content into blocks of at most 2 MiB.',
})
