import { controlError } from './errors.ts'

/** `sun_path` with its closing NUL, in bytes: unix(7) on Linux, and the smaller one of the BSDs and macOS. */
const SUN_PATH_BYTES = process.platform === 'linux' ? 108 : 104

export const MAX_SOCKET_PATH_BYTES = SUN_PATH_BYTES - 1

/**
 * Node would bind to a path that is cut short, so the length is checked on both sides.
 * @throws SkepError SOCKET_PATH_TOO_LONG
 */
export function checkSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path)
  if (bytes <= MAX_SOCKET_PATH_BYTES) return
  throw controlError(
    'SOCKET_PATH_TOO_LONG',
    `the socket path ${path} has ${bytes} bytes, and this system takes at most ${MAX_SOCKET_PATH_BYTES}`,
  )
}
