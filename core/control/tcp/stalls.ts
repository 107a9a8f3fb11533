/** What a client has to bring within the time, while it has something to bring: slower is no use to anybody. */
export const MIN_RECEIVED_BYTES = 1024

/** A connection at a moment. */
export interface Flow {
  /** Ever since it began. */
  readonly receivedBytes: number
  /** Of those written, what the system has taken. */
  readonly sentBytes: number
  /** A request is not here as a whole, and what has come of it is read. */
  readonly isReceiving: boolean
  /** Something was written that the system hasn't taken: the client doesn't read. */
  readonly isSending: boolean
}

interface Mark {
  readonly bytes: number
  readonly sinceMs: number
}

/** From when on each way is measured; undefined while it has nothing to move. */
export interface Stalls {
  readonly receiving?: Mark
  readonly sending?: Mark
}

export interface Judgement {
  readonly stalls: Stalls
  readonly verdict?: 'slow_body' | 'slow_reader'
}

/** What comes of a connection that was as `before` says and is as `flow` says. `nowMs`: monotonic. */
export function judgeFlow(before: Stalls, flow: Flow, stallTimeoutMs: number, nowMs: number): Judgement {
  const { receivedBytes, sentBytes, isReceiving, isSending } = flow
  const receiving = isReceiving
    ? advance(before.receiving, receivedBytes, MIN_RECEIVED_BYTES, nowMs)
    : undefined
  const sending = isSending ? advance(before.sending, sentBytes, 1, nowMs) : undefined
  const stalls = { ...(receiving && { receiving }), ...(sending && { sending }) }
  const isLate = (mark: Mark | undefined): boolean =>
    mark !== undefined && nowMs - mark.sinceMs >= stallTimeoutMs
  if (isLate(receiving)) return { stalls, verdict: 'slow_body' }
  if (isLate(sending)) return { stalls, verdict: 'slow_reader' }
  return { stalls }
}

function advance(mark: Mark | undefined, bytes: number, atLeast: number, nowMs: number): Mark {
  return mark && bytes - mark.bytes < atLeast ? mark : { bytes, sinceMs: nowMs }
}
