import type { Channel, PeerId } from '../../../core/api.ts'
import type { ChangeLog } from './change-log.ts'
import { membersError } from './errors.ts'
import { FINGERPRINT_BYTES } from './fingerprint.ts'
import { encodeUpdate, type StartMessage, type SubscribeMessage } from './wire/codec.ts'

export interface TellingDependencies {
  readonly channel: Channel
  readonly epoch: Uint8Array<ArrayBuffer>
  readonly log: ChangeLog
  /** It missed more than the log has: it needs a snapshot. */
  fellBehind(telling: Telling): void
}

/** A reader that takes nothing for so long is better asked to come again. */
const SEND_TIMEOUT_MS = 60_000

/**
 * What one reader is told. A message goes into the stream at the moment it is made, or not before the one that went before
 * was taken, so that the log is all that waits for a slow reader.
 */
export class Telling {
  readonly #channel: Channel
  readonly #epoch: Uint8Array<ArrayBuffer>
  readonly #log: ChangeLog
  readonly #fellBehind: TellingDependencies['fellBehind']
  readonly #maxBlocks: number
  /** The last change that was sent; undefined: it waits for a snapshot. */
  #sent: number | undefined
  #isSending = false
  #snapshots = 0
  /** Blocks of the snapshot so far. */
  #told = 0

  constructor({ maxBlocks }: Pick<SubscribeMessage, 'maxBlocks'>, deps: TellingDependencies) {
    this.#maxBlocks = maxBlocks
    this.#channel = deps.channel
    this.#epoch = deps.epoch
    this.#log = deps.log
    this.#fellBehind = deps.fellBehind
  }

  get peer(): PeerId {
    return this.#channel.peer
  }

  get isOpen(): boolean {
    return !this.#channel.signal.aborted
  }

  /** The number of the snapshot that goes on; undefined: the stream is over, or it waits for another. */
  get snapshot(): number | undefined {
    return this.isOpen && this.#sent !== undefined ? this.#snapshots : undefined
  }

  /** Goes on behind what the reader knows, where the log reaches so far; else it needs a snapshot. */
  resume(known: SubscribeMessage['known']): void {
    const isKnown =
      known && Buffer.compare(known.epoch, this.#epoch) === 0 && this.#log.reaches(known.sequence)
    if (!isKnown) {
      this.#fellBehind(this)
      return
    }
    this.#sent = known.sequence
    void this.#send(this.#start({ sequence: known.sequence, snapshot: false, blocks: 0 }))
    this.changed()
  }

  /** Begins a snapshot of so many blocks, about. Resolves when the reader takes more, or is gone. */
  begin(blocks: number): Promise<void> {
    this.#snapshots += 1
    this.#told = 0
    this.#sent = this.#log.sequence
    return this.#send(this.#start({ sequence: this.#sent, snapshot: true, blocks }))
  }

  /** As much of a slice as the reader has room for. True where that was all. Resolves as `begin`. */
  async tell(fingerprints: Uint8Array<ArrayBuffer>, isLast: boolean): Promise<boolean> {
    const room = (this.#maxBlocks - this.#told) * FINGERPRINT_BYTES
    const added = fingerprints.subarray(0, room)
    const complete = isLast || added.length === room
    this.#told += added.length / FINGERPRINT_BYTES
    await this.#send(encodeUpdate({ kind: 'part', added, complete }))
    return complete
  }

  /** Sends what was logged since. */
  changed(): void {
    if (!this.#isSending) void this.#sendChanges()
  }

  end(reason: Error): void {
    this.#channel.abort(reason)
  }

  async #sendChanges(): Promise<void> {
    this.#isSending = true
    while (this.isOpen && this.#sent !== undefined && this.#sent < this.#log.sequence) {
      const message = this.#log.message(this.#sent + 1)
      if (message) {
        this.#sent += 1
        await this.#send(message)
      } else {
        this.#sent = undefined
        this.#fellBehind(this)
      }
    }
    this.#isSending = false
  }

  /** A failure ends the stream, of which the one who reads it hears. */
  async #send(message: Uint8Array): Promise<void> {
    const { peer } = this.#channel
    try {
      await this.#channel.write(message, undefined, { signal: AbortSignal.timeout(SEND_TIMEOUT_MS) })
    } catch (cause) {
      this.#channel.abort(membersError('READER_STALLED', `${peer} takes no more`, { cause }))
    }
  }

  #start(message: Pick<StartMessage, 'sequence' | 'snapshot' | 'blocks'>): Uint8Array {
    return encodeUpdate({ kind: 'start', epoch: this.#epoch, ...message })
  }
}
