import type { Socket } from 'node:net'

/**
 * Sends `request` and resolves with the first that is answered; rejects where the connection ends without, or `signal` aborts first.
 * That it can't be sent as a whole is no fault: whoever has read enough may answer and hang up.
 */
export function answered(socket: Socket, request: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(new Error('no answer came', { cause: signal.reason }))
    signal.addEventListener('abort', giveUp, { once: true })
    socket.once('data', chunk => resolve(String(chunk)))
    socket.once('close', () => {
      signal.removeEventListener('abort', giveUp)
      reject(new Error('hung up on'))
    })
    socket.write(request)
  })
}
