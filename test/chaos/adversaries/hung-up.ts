import type { Socket } from 'node:net'

/** Resolves when the node has closed `socket`, whatever was still to be written; rejects where `signal` aborts first. */
export function hungUp(socket: Socket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(new Error('not hung up on', { cause: signal.reason }))
    signal.addEventListener('abort', giveUp, { once: true })
    socket.resume().once('close', () => {
      signal.removeEventListener('abort', giveUp)
      resolve()
    })
  })
}
