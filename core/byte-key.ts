/*
 * Neither asks for the `.buffer` of what it is given: V8 keeps typed arrays of up to 64 bytes on its own heap, and for each
 * whose buffer is asked for it allocates four pieces of memory outside. Those of a hundred thousand hashes, freed together,
 * stop the event loop for tens of milliseconds (`core/decisions/0024-small-bytes.md`).
 */

/** The same bytes as a key of a Map or Set: one character a byte. */
export function byteKey(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}

/** The bytes that {@link byteKey} made `key` of. */
export function bytesOfKey(key: string): Uint8Array {
  return Buffer.from(key, 'latin1')
}
