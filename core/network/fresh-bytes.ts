/** New bytes of their own buffer, not zeroed: whoever asks fills them. */
export function freshBytes(bytes: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer)
}
