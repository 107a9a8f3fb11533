import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { freshBytes } from '../owned-bytes.ts'
import { systemCodeOf } from './disk-error.ts'
import { MAX_BLOCK_BYTES, PAGE_BYTES } from './size-classes.ts'
import { Turnstile } from './turnstile.ts'

/** Node's types leave it to those of browsers. Absent where JavaScript runs without a compiler. */
const { WebAssembly } = globalThis as unknown as {
  readonly WebAssembly?: {
    readonly Memory: new (size: {
      readonly initial: number
      readonly maximum: number
    }) => { readonly buffer: ArrayBuffer }
  }
}

/** WebAssembly counts memory in pages of its own. https://webassembly.github.io/spec/core/exec/runtime.html#page-size */
const WASM_PAGE_BYTES = 64 * 1024

/** A slot of the largest block: its header page before it. */
const BUFFER_BYTES = MAX_BLOCK_BYTES + PAGE_BYTES

/**
 * Reads files past the page cache (O_DIRECT), so that what comes is what the disk has, and so that pages others use stay
 * in memory. One read at a time, through one buffer that is made when it is first needed.
 */
export class UncachedReader {
  readonly #turn = new Turnstile(1)
  #buffer: Uint8Array | undefined

  /**
   * Up to {@link MAX_BLOCK_BYTES}; fewer than `length` where the file ends before. The caller owns the bytes. Undefined
   * where system or file system can't do it.
   */
  read(path: string, offset: number, length: number): Promise<Uint8Array | undefined> {
    const flag: number | undefined = constants.O_DIRECT
    const buffer = this.#aligned()
    if (flag === undefined || !buffer) return Promise.resolve(undefined)
    return this.#turn.pass(async () => {
      try {
        await using file = await open(path, constants.O_RDONLY | flag)
        const from = offset - (offset % PAGE_BYTES)
        const wanted = Math.ceil((offset + length - from) / PAGE_BYTES) * PAGE_BYTES
        let filled = 0
        while (filled < wanted) {
          const { bytesRead } = await file.read(buffer, filled, wanted - filled, from + filled)
          filled += bytesRead
          // The file's end: what follows wouldn't be aligned any more.
          if (bytesRead === 0 || filled % PAGE_BYTES !== 0) break
        }
        const begin = offset - from
        const end = Math.max(begin, Math.min(filled, begin + length))
        const bytes = freshBytes(end - begin)
        bytes.set(buffer.subarray(begin, end))
        return bytes
      } catch (error) {
        if (systemCodeOf(error) === 'EINVAL') return undefined
        throw error
      }
    })
  }

  /** The kernel takes page-aligned addresses alone. Of all that JavaScript can allocate, only this is known to start on one. */
  #aligned(): Uint8Array | undefined {
    if (!WebAssembly) return undefined
    const pages = Math.ceil(BUFFER_BYTES / WASM_PAGE_BYTES)
    this.#buffer ??= new Uint8Array(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer)
    return this.#buffer
  }
}
