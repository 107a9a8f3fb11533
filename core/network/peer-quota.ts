import { type Bucket, fullBucket, type Rate, refill } from './token-bucket.ts'

// What one peer may ask of this node over all protocols, and all peers together. Each protocol's own limits come on top: these are
// for whoever uses many at once.

/** Inbound streams of one peer: more than any protocol allows, and a few hundred kilobytes. */
export const MAX_PEER_STREAMS = 128
/** Streams a peer opens a second. Bitswap alone may come to 200; each costs a timer of ten seconds. */
const PEER_STREAMS: Rate = { perSecond: 300, burst: 600 }
/** Streams of all peers, for each connection that there may be. */
const STREAMS_PER_CONNECTION = 16
const MIN_STREAMS = 256
/** Messages a peer sends a second on streams that it opened; a processor does some ten thousand. What is more waits. */
const PEER_REQUESTS: Rate = { perSecond: 1_000, burst: 2_000 }
/** Their bytes. */
const PEER_REQUEST_BYTES: Rate = { perSecond: 16 * 1024 * 1024, burst: 32 * 1024 * 1024 }
/** What a message counts at most: longer ones are content that was asked for, as Bitswap sends it. */
const MAX_REQUEST_BYTES = 64 * 1024
/** Bytes on streams of libp2p's services, which answer each few of them with work: some 200 questions to kad-dht a second. */
const PEER_SERVICE_BYTES: Rate = { perSecond: 8 * 1024, burst: 64 * 1024 }
/** All peers together may do as much as so many that go to their limits, and each its even share of that on top. */
const PEERS_AT_LIMIT = 4
/** Peers remembered. Connections are bounded far below; the longest quiet one without a stream leaves first. */
export const MAX_TRACKED_PEERS = 1024

/** `streams`: too many at a time; `rate`: opened too fast; `full`: all peers together have too many, and this one its share. */
export type StreamRefusal = 'streams' | 'rate' | 'full'

/** What a peer has asked of this node, since it came or was forgotten. Plain JSON. */
export interface PeerUsage {
  readonly openStreams: number
  readonly streams: number
  readonly refusedStreams: number
  readonly requests: number
  readonly requestBytes: number
  /** Time the muxer took for what the peer sent without being asked. */
  readonly busyMs: number
}

interface Account {
  openStreams: number
  streams: number
  refusedStreams: number
  requests: number
  requestBytes: number
  busyMs: number
  /** Of `busyMs`, what was there at the last review. */
  reviewedMs: number
  opening: Bucket
  asking: Bucket
  askedBytes: Bucket
  /** What is left of its even share of what all may ask. */
  evenAsking: Bucket
  evenBytes: Bucket
  serviceBytes: Bucket
}

export interface PeerQuotaOptions {
  readonly maxConnections: number
}

/** Counts what peers ask for, and says what is too much. Pure but for what it counts. */
export class PeerQuota {
  readonly #maxStreams: number
  readonly #clock: () => number
  /** In order of last use. */
  readonly #accounts = new Map<string, Account>()
  readonly #allRequests: Rate = times(PEER_REQUESTS)
  readonly #allBytes: Rate = times(PEER_REQUEST_BYTES)
  readonly #evenRequests: Rate
  readonly #evenBytes: Rate
  #asking: Bucket
  #askedBytes: Bucket
  #openStreams = 0

  constructor({ maxConnections }: PeerQuotaOptions, { clock }: { clock: () => number }) {
    this.#maxStreams = Math.max(MIN_STREAMS, maxConnections * STREAMS_PER_CONNECTION)
    this.#clock = clock
    this.#evenRequests = share(this.#allRequests, maxConnections, 1)
    this.#evenBytes = share(this.#allBytes, maxConnections, MAX_REQUEST_BYTES)
    this.#asking = fullBucket(this.#allRequests, clock())
    this.#askedBytes = fullBucket(this.#allBytes, clock())
  }

  /** Inbound streams of all peers. */
  get openStreams(): number {
    return this.#openStreams
  }

  get maxStreams(): number {
    return this.#maxStreams
  }

  get tracked(): number {
    return this.#accounts.size
  }

  usageOf(peer: string): PeerUsage {
    const { openStreams, streams, refusedStreams, requests, requestBytes, busyMs } =
      this.#accounts.get(peer) ?? this.#newAccount(0)
    return { openStreams, streams, refusedStreams, requests, requestBytes, busyMs }
  }

  /** Counts a stream in, or says why not. Whoever was let in calls `leave` once. */
  enter(peer: string): StreamRefusal | undefined {
    const nowMs = this.#clock()
    const account = this.#accountOf(peer, nowMs)
    const opening = refill(account.opening, PEER_STREAMS, nowMs)
    const refusal = this.#refusalOf(account, opening)
    // Those that are refused count, too: refusing is work.
    account.opening = { ...opening, tokens: Math.max(0, opening.tokens - 1) }
    if (refusal) {
      account.refusedStreams++
      return refusal
    }
    account.streams++
    account.openStreams++
    this.#openStreams++
    return undefined
  }

  leave(peer: string): void {
    const account = this.#accounts.get(peer)
    if (!account) return
    account.openStreams--
    this.#openStreams--
  }

  /** Counts a message of `bytes` on a stream that the peer opened. Milliseconds that it has to wait for its turn. */
  ask(peer: string, bytes: number): number {
    const nowMs = this.#clock()
    const account = this.#accountOf(peer, nowMs)
    const counted = Math.min(bytes, MAX_REQUEST_BYTES)
    account.requests++
    account.requestBytes += bytes
    account.asking = spend(account.asking, PEER_REQUESTS, 1, nowMs)
    account.askedBytes = spend(account.askedBytes, PEER_REQUEST_BYTES, counted, nowMs)
    const ownMs = Math.max(
      waitMs(account.asking, PEER_REQUESTS),
      waitMs(account.askedBytes, PEER_REQUEST_BYTES),
    )
    // Whoever asks no more than its even share waits for nobody: a few that ask for all there is can't hold it up.
    if (this.#isEven(account, counted, nowMs)) return ownMs
    this.#asking = spend(this.#asking, this.#allRequests, 1, nowMs)
    this.#askedBytes = spend(this.#askedBytes, this.#allBytes, counted, nowMs)
    return Math.max(ownMs, waitMs(this.#asking, this.#allRequests), waitMs(this.#askedBytes, this.#allBytes))
  }

  /** Counts bytes for a service of libp2p. Milliseconds that they have to wait for their turn. */
  askService(peer: string, bytes: number): number {
    const nowMs = this.#clock()
    const account = this.#accountOf(peer, nowMs)
    account.requestBytes += bytes
    account.serviceBytes = spend(account.serviceBytes, PEER_SERVICE_BYTES, bytes, nowMs)
    return waitMs(account.serviceBytes, PEER_SERVICE_BYTES)
  }

  /** Charges processor time to a peer that has streams, or had some lately. */
  busy(peer: string, ms: number): void {
    const account = this.#accounts.get(peer)
    if (account) account.busyMs += ms
  }

  /** Peers whose share of the processor since the last review is over `share` of `periodMs`. */
  greedy(periodMs: number, share: number): { readonly peer: string; readonly share: number }[] {
    const found: { readonly peer: string; readonly share: number }[] = []
    for (const [peer, account] of this.#accounts) {
      const taken = (account.busyMs - account.reviewedMs) / periodMs
      account.reviewedMs = account.busyMs
      if (taken > share) found.push({ peer, share: taken })
    }
    return found
  }

  /** Takes a message of `bytes` from the peer's even share; false where it is more than is left of that. */
  #isEven(account: Account, bytes: number, nowMs: number): boolean {
    account.evenAsking = refill(account.evenAsking, this.#evenRequests, nowMs)
    account.evenBytes = refill(account.evenBytes, this.#evenBytes, nowMs)
    if (account.evenAsking.tokens < 1 || account.evenBytes.tokens < bytes) return false
    account.evenAsking = spend(account.evenAsking, this.#evenRequests, 1, nowMs)
    account.evenBytes = spend(account.evenBytes, this.#evenBytes, bytes, nowMs)
    return true
  }

  #refusalOf({ openStreams }: Account, opening: Bucket): StreamRefusal | undefined {
    if (opening.tokens < 1) return 'rate'
    if (openStreams >= MAX_PEER_STREAMS) return 'streams'
    if (this.#openStreams < this.#maxStreams) return undefined
    let peers = 1
    for (const { openStreams } of this.#accounts.values()) if (openStreams > 0) peers++
    // Whoever has less than an even share of what there is still gets in.
    return openStreams >= this.#maxStreams / peers ? 'full' : undefined
  }

  #accountOf(peer: string, nowMs: number): Account {
    const account = this.#accounts.get(peer) ?? this.#newAccount(nowMs)
    this.#accounts.delete(peer)
    if (this.#accounts.size >= MAX_TRACKED_PEERS) this.#forgetOne()
    this.#accounts.set(peer, account)
    return account
  }

  #forgetOne(): void {
    for (const [peer, { openStreams }] of this.#accounts) {
      if (openStreams > 0) continue
      this.#accounts.delete(peer)
      return
    }
  }

  #newAccount(nowMs: number): Account {
    return {
      openStreams: 0,
      streams: 0,
      refusedStreams: 0,
      requests: 0,
      requestBytes: 0,
      busyMs: 0,
      reviewedMs: 0,
      opening: fullBucket(PEER_STREAMS, nowMs),
      asking: fullBucket(PEER_REQUESTS, nowMs),
      askedBytes: fullBucket(PEER_REQUEST_BYTES, nowMs),
      evenAsking: fullBucket(this.#evenRequests, nowMs),
      evenBytes: fullBucket(this.#evenBytes, nowMs),
      serviceBytes: fullBucket(PEER_SERVICE_BYTES, nowMs),
    }
  }
}

/** May come to owe: what can't be refused any more has to be waited for. */
function spend(bucket: Bucket, rate: Rate, tokens: number, nowMs: number): Bucket {
  const filled = refill(bucket, rate, nowMs)
  return { ...filled, tokens: filled.tokens - tokens }
}

function waitMs({ tokens }: Bucket, { perSecond }: Rate): number {
  return tokens >= 0 ? 0 : Math.ceil((-tokens / perSecond) * 1000)
}

/** Of `parts` the share of one, which lets at least `least` through at once. */
function share({ perSecond, burst }: Rate, parts: number, least: number): Rate {
  return { perSecond: perSecond / parts, burst: Math.max(least, burst / parts) }
}

function times({ perSecond, burst }: Rate): Rate {
  return { perSecond: perSecond * PEERS_AT_LIMIT, burst: burst * PEERS_AT_LIMIT }
}
