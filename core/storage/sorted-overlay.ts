import { byteKey } from '../byte-key.ts'
import type { KeyRange } from './storage.ts'

/** A small map by bytes. It is sorted when a range of it is asked for. */
export class SortedOverlay<T extends { readonly key: Uint8Array }> {
  readonly #items = new Map<string, T>()

  get(key: Uint8Array): T | undefined {
    return this.#items.get(byteKey(key))
  }

  set(key: Uint8Array, item: T): void {
    this.#items.set(byteKey(key), item)
  }

  delete(key: Uint8Array): void {
    this.#items.delete(byteKey(key))
  }

  values(): Iterable<T> {
    return this.#items.values()
  }

  /** As they are now, in the order of the range. */
  within({ from, to, reverse = false }: Omit<KeyRange, 'limit'>): T[] {
    const items = [...this.#items.values()].filter(
      ({ key }) => !(from && Buffer.compare(key, from) < 0) && !(to && Buffer.compare(key, to) >= 0),
    )
    items.sort((a, b) => Buffer.compare(a.key, b.key))
    return reverse ? items.reverse() : items
  }
}
