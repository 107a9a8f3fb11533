/** `CID`, `CID/a/b`, `/ipfs/CID/a/b` or `ipfs://CID/a/b`; file systems take paths of up to 4,096 bytes. */
export const CONTENT_PATH = { type: 'string', minLength: 1, maxLength: 4096 } as const

/** A name that a person gives a pin. */
export const PIN_NAME = { type: 'string', minLength: 1, maxLength: 256 } as const
