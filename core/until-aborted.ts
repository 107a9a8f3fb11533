/** Waits for `promise`, or until `signal` aborts: then it rejects with the signal's reason, and the promise goes on alone. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    // Even then: a rejection that nobody waits for would end the process.
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
