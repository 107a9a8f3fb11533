/** The size of most large blocks, and of what is read of files at a time. */
const KEPT_BYTES = 1024 * 1024
/** As many as one import or one download has between two steps at a time. */
const MAX_KEPT = 8
/** Buffers given back, for the next who asks for one of their size: memory that is there needs no page faults. */
const kept: ArrayBuffer[] = []

/** Bytes of a buffer of their own, with anything in them: whoever asks fills them. */
export function freshBytes(bytes: number): Uint8Array {
  const buffer = bytes === KEPT_BYTES ? kept.pop() : undefined
  return new Uint8Array(buffer ?? Buffer.allocUnsafeSlow(bytes).buffer)
}

/** Below this the garbage collector does as well. */
const DISCARD_MIN_BYTES = 32 * 1024

/**
 * Gives the memory of bytes that were {@link freshBytes} back at once, or to the next of these; they are empty afterwards. For their owner, when
 * nobody reads them any more. Large blocks live long enough to be promoted to V8's old generation, where each dozen of them
 * would cost a collection of the whole heap: a third of a receiver's CPU (`core/decisions/0005-memory-of-blocks.md`).
 */
export function discard(bytes: Uint8Array): void {
  const { buffer } = bytes
  if (buffer.byteLength < DISCARD_MIN_BYTES || buffer.byteLength !== bytes.byteLength) return
  if (!(buffer instanceof ArrayBuffer)) return
  if (buffer.byteLength === KEPT_BYTES && kept.length < MAX_KEPT) kept.push(buffer.transfer())
  else buffer.transfer(0)
}
