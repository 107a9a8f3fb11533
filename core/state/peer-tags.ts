import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { printable } from '../printable.ts'
import type { Bucket, KeyValueStore } from '../storage/storage.ts'
import { stateError } from './errors.ts'
import { decodeTags, encodeTags } from './peer-codec.ts'

/** Tagged peers never leave the peer table, so they are bounded on their own. */
const MAX_TAGGED_PEERS = 256
const MAX_TAGS_PER_PEER = 16
const MAX_NAME_CHARACTERS = 64
const MAX_VALUE = 100

const BUCKET = 'peer-tags'

type Tags = Readonly<Record<string, number>>
type Listener = (peer: PeerId, name: string, value: number) => void

/** What a user says that peers are worth. Each change is durable when its promise resolves. */
export class PeerTags {
  readonly #store: KeyValueStore | undefined
  readonly #bucket: Bucket | undefined
  /** By peer id as text. */
  readonly #tags = new Map<string, Tags>()
  /** Changes go one after another, so that those that overlap don't lose each other. */
  #last: Promise<unknown> = Promise.resolve()
  #listener: Listener = () => {}

  /** @param store default: what is said ends with the process */
  constructor(store?: KeyValueStore) {
    this.#store = store
    this.#bucket = store?.bucket(BUCKET)
    for (const [key, value] of this.#bucket?.entries() ?? []) {
      const [peer, tags] = [Buffer.from(key).toString(), decodeTags(value)]
      if (tags && isPeerId(peer)) this.#tags.set(peer, tags)
    }
  }

  of(peer: string): Tags {
    return this.#tags.get(peer) ?? {}
  }

  /** Tagged peers, by id as text. */
  peers(): Iterable<string> {
    return this.#tags.keys()
  }

  /** Has `listener` told of all there is now, and of each change; value 0: the tag is gone. One at a time. */
  follow(listener: Listener): void {
    this.#listener = listener
    for (const [peer, tags] of this.#tags) {
      for (const [name, value] of Object.entries(tags)) listener(peerIdFromString(peer), name, value)
    }
  }

  /** @throws SkepError TAG_INVALID, TAGS_FULL, and those of the storage */
  async set(peer: PeerId, name: string, value: number): Promise<void> {
    if (name === '' || name.length > MAX_NAME_CHARACTERS || printable(name) !== name) {
      throw stateError(
        'TAG_INVALID',
        `a tag's name has 1 to ${MAX_NAME_CHARACTERS} printable characters, not ${JSON.stringify(name.slice(0, MAX_NAME_CHARACTERS + 1))}`,
      )
    }
    if (!Number.isInteger(value) || value < 1 || value > MAX_VALUE) {
      throw stateError('TAG_INVALID', `a tag's value is a whole number from 1 to ${MAX_VALUE}, not ${value}`)
    }
    await this.#inTurn(async () => {
      const key = peer.toString()
      const tags = { ...this.of(key), [name]: value }
      if (Object.keys(tags).length > MAX_TAGS_PER_PEER) {
        throw stateError('TAGS_FULL', `${key} has ${MAX_TAGS_PER_PEER} tags already`)
      }
      if (!this.#tags.has(key) && this.#tags.size >= MAX_TAGGED_PEERS) {
        throw stateError('TAGS_FULL', `${MAX_TAGGED_PEERS} peers are tagged already`)
      }
      await this.#put(key, tags)
      this.#listener(peer, name, value)
    })
  }

  /** Without `name` all of them. False where there is none such. @throws those of the storage */
  remove(peer: PeerId, name?: string): Promise<boolean> {
    return this.#inTurn(async () => {
      const key = peer.toString()
      const before = this.of(key)
      const gone = Object.keys(before).filter(tag => name === undefined || tag === name)
      if (gone.length === 0) return false
      await this.#put(key, Object.fromEntries(Object.entries(before).filter(([tag]) => !gone.includes(tag))))
      for (const tag of gone) this.#listener(peer, tag, 0)
      return true
    })
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(change)
    this.#last = turn.catch(() => undefined)
    return turn
  }

  /** On disk first: what could not be written is not so. */
  async #put(peer: string, tags: Tags): Promise<void> {
    const isEmpty = Object.keys(tags).length === 0
    const bucket = this.#bucket
    if (bucket) {
      await this.#store?.write(batch => {
        if (isEmpty) batch.delete(bucket, Buffer.from(peer))
        else batch.put(bucket, Buffer.from(peer), encodeTags(tags))
      })
    }
    if (isEmpty) this.#tags.delete(peer)
    else this.#tags.set(peer, tags)
  }
}

function isPeerId(text: string): boolean {
  try {
    return peerIdFromString(text).toString() === text
  } catch {
    return false
  }
}
