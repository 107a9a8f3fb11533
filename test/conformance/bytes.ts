export function compare(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b)
}

/** Throws where the two lists differ. */
export function same(actual: readonly Uint8Array[], expected: readonly Uint8Array[]): void {
  const text = (bytes: readonly Uint8Array[]): string => bytes.map(x => Buffer.from(x).toString('hex')).join()
  if (text(actual) !== text(expected)) throw new Error(`got ${actual.length} entries, not ${expected.length}`)
}
