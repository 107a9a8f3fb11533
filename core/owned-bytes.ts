/** New bytes of their own buffer, not zeroed: whoever asks fills them. */
export function freshBytes(bytes: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer)
}

/** Below this the garbage collector does as well. */
const DISCARD_MIN_BYTES = 32 * 1024

/**
 * Gives the memory of bytes that were {@link freshBytes} back at once; they are empty afterwards. For their owner, when
 * nobody reads them any more. Large blocks live long enough to be promoted to V8's old generation, where each dozen of them
 * would cost a collection of the whole heap: a third of a receiver's CPU (`core/decisions/0005-memory-of-blocks.md`).
 */
export function discard(bytes: Uint8Array): void {
  const { buffer } = bytes
  if (buffer.byteLength < DISCARD_MIN_BYTES || buffer.byteLength !== bytes.byteLength) return
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}
