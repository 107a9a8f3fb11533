export interface GroupCommitOptions<T> {
  readonly maxItems: number
  /** Of one group; an item that weighs more goes alone. */
  readonly maxWeight: number
  weigh(item: T): number
}

interface Waiting<T> {
  readonly item: T
  /** Told when it is durable, or why it isn't. */
  settle(failure?: unknown): void
}

/** Whatever arrives while one group is being made durable forms the next: many writers share each flush. */
export class GroupCommit<T> {
  readonly #options: GroupCommitOptions<T>
  readonly #commit: (items: readonly T[]) => Promise<void>
  /** As many as callers wait for. */
  readonly #waiting: Waiting<T>[] = []
  #running: Promise<void> | undefined

  constructor(options: GroupCommitOptions<T>, commit: (items: readonly T[]) => Promise<void>) {
    this.#options = options
    this.#commit = commit
  }

  /** Resolves when the group that `item` went with is durable. */
  add(item: T): Promise<void> {
    return this.addAll([item])
  }

  /** Settles when all groups that `items` went with have; rejects with the first failure. */
  addAll(items: readonly T[]): Promise<void> {
    if (items.length === 0) return Promise.resolve()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    let left = items.length
    let failed: { readonly failure: unknown } | undefined
    const settle = (failure?: unknown): void => {
      left -= 1
      if (failure !== undefined) failed ??= { failure }
      if (left > 0) return
      if (failed) reject(failed.failure)
      else resolve()
    }
    for (const item of items) this.#waiting.push({ item, settle })
    this.#running ??= this.#run()
    return promise
  }

  /** Resolves when nothing is waiting. */
  async idle(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    // Lets what the caller's turn still brings join the first group.
    await null
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, this.#groupLength())
      try {
        await this.#commit(group.map(({ item }) => item))
        for (const { settle } of group) settle()
      } catch (error) {
        for (const { settle } of group) settle(error)
      }
    }
    this.#running = undefined
  }

  #groupLength(): number {
    const { maxItems, maxWeight, weigh } = this.#options
    let length = 0
    let weight = 0
    for (const { item } of this.#waiting) {
      weight += weigh(item)
      if (length === maxItems || (length > 0 && weight > maxWeight)) break
      length++
    }
    return length
  }
}
