import { isDeepStrictEqual } from 'node:util'
import v8 from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { isSkepError, messageOf } from '../../../core/errors.ts'
import { Random } from '../crash/random.ts'
import { Mutator } from './mutation.ts'
import { type FuzzTarget, MAX_BYTES, MAX_INPUT_BYTES, MAX_MS } from './target.ts'

/** What can be wrong. `hang` is found from outside: see `watched-run.ts`. */
export type FindingKind = 'crash' | 'round-trip' | 'slow' | 'memory' | 'hang'

export interface Finding {
  readonly target: string
  readonly kind: FindingKind
  readonly detail: string
  readonly input: Uint8Array
}

/** Valid values of each round: many enough for every branch of a generator, and shrunk where they fail. */
const VALUES = 400
/** Of each kind, until a target is left alone: the first ones tell what to mend. */
const MAX_FINDINGS = 3
/** Steps of making an input smaller, and CPU for it: small ones are easier to understand and to keep. */
const MAX_SHRINKS = 2000
const MAX_SHRINK_MS = 5000

/** What a decoder doesn't come back from on a small board. Protobuf's reader skips groups, which nobody sends, by recursion. */
const OUT_OF_MEMORY = /allocation failed|Invalid (typed )?array length|string longer/i
const MAX_SHOWN_CHARACTERS = 500

/** Traces are most of what a refusal costs; the place is in the first lines. */
Error.stackTraceLimit = 3

const collectGarbage = exposeGc()

export interface TrialOptions {
  readonly target: FuzzTarget
  readonly seed: number
}

/** Called with each input before it is tried: who hangs or kills the process has left it there. */
export type OnInput = (input: Uint8Array) => void

/** One target and one seed: the same inputs every time. */
export class Trial {
  readonly #target: FuzzTarget
  readonly #seed: number
  readonly #onInput: OnInput
  readonly findings: Finding[] = []
  /** Inputs tried. */
  cases = 0

  constructor({ target, seed }: TrialOptions, onInput: OnInput = () => {}) {
    this.#target = target
    this.#seed = seed
    this.#onInput = onInput
  }

  /** True as long as it is worth going on. */
  get isOpen(): boolean {
    return this.findings.length < MAX_FINDINGS
  }

  /** Inputs that once failed. */
  async replay(kept: readonly Uint8Array[]): Promise<void> {
    for (const input of kept) {
      this.cases++
      const finding = await this.#judge(input)
      if (finding) this.findings.push(finding)
    }
  }

  /** What is valid comes through unharmed; then `count` inputs from `from` on that are damaged or nothing at all. */
  async run(count: number, from = 0): Promise<void> {
    const corpus = await this.#roundTrips()
    const mutator = new Mutator(this.#target, corpus, this.#target.maxInputBytes ?? MAX_INPUT_BYTES)
    for (let number = from; number < from + count && this.isOpen; number++) {
      this.cases++
      const finding = await this.#judge(mutator.next(new Random(mixed(this.#seed, number))))
      // What is found again and again is made smaller once.
      if (finding && !this.#isKnown(finding)) this.#found(await this.#shrunk(finding))
    }
  }

  async #roundTrips(): Promise<Uint8Array[]> {
    const { values } = this.#target
    const corpus: Uint8Array[] = []
    const property = fc.asyncProperty(values, async value => {
      const input = new Uint8Array(await this.#target.encode(value))
      if (corpus.length < VALUES) corpus.push(input)
      this.cases++
      this.#onInput(input)
      const fault = await this.#roundTrip(value, input)
      if (fault !== undefined) throw new Error(fault)
    })
    const result = await fc.check(property, { seed: this.#seed | 0, numRuns: VALUES, endOnFailure: false })
    if (result.failed) {
      const [value] = result.counterexample ?? []
      const input = await this.#target.encode(value)
      const detail = `${messageOf(result.errorInstance)}; the value: ${fc.stringify(value)}`
      this.#found({ target: this.#target.name, kind: 'round-trip', detail, input })
    }
    return corpus
  }

  #found(finding: Finding): void {
    if (!this.#isKnown(finding)) this.findings.push(finding)
  }

  #isKnown(finding: Finding): boolean {
    return this.findings.some(known => isSameFault(known, finding))
  }

  /** What went wrong with a valid value, undefined where nothing did. */
  async #roundTrip(value: unknown, input: Uint8Array): Promise<string | undefined> {
    let decoded: unknown
    try {
      decoded = await this.#target.decode(input)
    } catch (error) {
      return `what was encoded is refused, ${describe(error)}`
    }
    if (decoded === undefined) return 'what was encoded is taken for nothing'
    const again = this.#toValue(decoded)
    if (again === undefined || this.#isSame(value, again)) return undefined
    return `it comes out as another: ${this.#shown(again)}`
  }

  async #judge(made: Uint8Array): Promise<Finding | undefined> {
    // Bytes of a Buffer behave otherwise, and those of others lie beyond its ends.
    const input = new Uint8Array(made)
    this.#onInput(input)
    const before = v8.getHeapStatistics()
    const startedUs = process.threadCpuUsage()
    let decoded: unknown
    let fault: string | undefined
    try {
      const decoding = this.#target.decode(input)
      decoded = decoding instanceof Promise ? await decoding : decoding
    } catch (error) {
      fault = this.#faultOf(error)
    }
    const tookUs = process.threadCpuUsage(startedUs)
    const after = v8.getHeapStatistics()
    const finding = (kind: FindingKind, detail: string): Finding => {
      return { target: this.#target.name, kind, detail, input: Uint8Array.from(input) }
    }
    if (fault !== undefined) return finding('crash', fault)
    if (grown(before, after) > this.#maxBytes(input)) {
      const bytes = await this.#leastBytes(input)
      if (bytes > this.#maxBytes(input))
        return finding('memory', `${input.length} bytes of input take more memory`)
    }
    const maxMs = this.#target.maxMs ?? MAX_MS
    if (tookUs.user + tookUs.system > maxMs * 1000 && (await this.#leastMs(input)) > maxMs)
      return finding('slow', `takes over ${maxMs} ms`)
    if (decoded === undefined) return undefined
    const different = await this.#again(decoded)
    return different === undefined ? undefined : finding('round-trip', different)
  }

  /** What is decoded and can be encoded, means the same when that is decoded. */
  async #again(decoded: unknown): Promise<string | undefined> {
    try {
      const value = this.#toValue(decoded)
      if (value === undefined) return undefined
      const encoding = this.#target.encode(value)
      const bytes = new Uint8Array(encoding instanceof Promise ? await encoding : encoding)
      const decoding = this.#target.decode(bytes)
      const again = decoding instanceof Promise ? await decoding : decoding
      const other = again === undefined ? undefined : this.#toValue(again)
      if (other !== undefined && this.#isSame(value, other)) return undefined
      return `encoded and decoded again it is another: ${this.#shown(other)}, not ${this.#shown(value)}`
    } catch (error) {
      return `what was decoded can't be encoded and decoded again, ${describe(error)}`
    }
  }

  #toValue(decoded: unknown): unknown {
    return this.#target.toValue ? this.#target.toValue(decoded) : decoded
  }

  #meaningOf(value: unknown): unknown {
    return this.#target.meaningOf ? this.#target.meaningOf(value) : value
  }

  #shown(value: unknown): string {
    return fc.stringify(this.#meaningOf(value)).slice(0, MAX_SHOWN_CHARACTERS)
  }

  #isSame(one: unknown, other: unknown): boolean {
    return isDeepStrictEqual(this.#meaningOf(one), this.#meaningOf(other))
  }

  /** Undefined where the codec promises that error. */
  #faultOf(error: unknown): string | undefined {
    const name = isSkepError(error) ? error.code : error instanceof Error ? error.name : 'no error'
    // One that is passed on as a cause may hide that memory ran out, or the stack.
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
      if (OUT_OF_MEMORY.test(cause.message)) return describe(cause)
      const mayRecurse = this.#target.shape === 'protobuf' || this.#target.isRecursive
      if (cause.message.includes('call stack') && !mayRecurse) return describe(cause)
    }
    return this.#target.mayThrow?.includes(name) ? undefined : describe(error)
  }

  #maxBytes({ length }: Uint8Array): number {
    const { base, perByte } = this.#target.maxBytes ?? MAX_BYTES
    return base + perByte * length
  }

  /** The least of some tries, each with an empty heap: what others did in the meantime is no part of it. */
  async #leastBytes(input: Uint8Array): Promise<number> {
    let least = Number.POSITIVE_INFINITY
    for (let tries = 0; tries < 3; tries++) {
      collectGarbage()
      const before = v8.getHeapStatistics()
      await this.#attempt(input)
      least = Math.min(least, grown(before, v8.getHeapStatistics()))
    }
    return least
  }

  async #leastMs(input: Uint8Array): Promise<number> {
    let least = Number.POSITIVE_INFINITY
    for (let tries = 0; tries < 3; tries++) {
      const startedUs = process.threadCpuUsage()
      await this.#attempt(input)
      const { user, system } = process.threadCpuUsage(startedUs)
      least = Math.min(least, (user + system) / 1000)
    }
    return least
  }

  async #attempt(input: Uint8Array): Promise<void> {
    try {
      await this.#target.decode(input)
    } catch {
      // It was looked at before.
    }
  }

  /** A smaller input with the same fault, by leaving out ever smaller parts. */
  async #shrunk(finding: Finding): Promise<Finding> {
    // Less of what takes too long takes less long.
    if (finding.kind === 'slow' || finding.kind === 'memory') return finding
    const untilMs = performance.now() + MAX_SHRINK_MS
    let best = finding
    let steps = 0
    for (
      let part = Math.ceil(best.input.length / 2);
      part >= 1;
      part = part === 1 ? 0 : Math.ceil(part / 2)
    ) {
      for (let from = 0; from < best.input.length; ) {
        if (++steps > MAX_SHRINKS || performance.now() > untilMs) return best
        const { input } = best
        const shorter = Buffer.concat([input.subarray(0, from), input.subarray(from + part)])
        const found = await this.#judge(shorter)
        if (found && isSameFault(found, finding)) best = found
        else from += part
      }
    }
    return best
  }
}

/** Two numbers as one, so that inputs of one seed have nothing in common. */
function mixed(seed: number, number: number): number {
  return Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(number + 1, 0xc2b2ae35)
}

function grown(before: v8.HeapInfo, after: v8.HeapInfo): number {
  return after.used_heap_size - before.used_heap_size + after.external_memory - before.external_memory
}

/** Of one kind, and thrown at the same place: a message may quote the input. */
function isSameFault(one: Finding, other: Finding): boolean {
  return one.kind === other.kind && one.detail.split(': ', 1)[0] === other.detail.split(': ', 1)[0]
}

/** `TypeError at codec.ts:12:3: what it says` */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return `${String(error)} was thrown, which is no error`
  const name = isSkepError(error) ? error.code : error.name
  const [place = 'nowhere'] = /[^/]+:\d+:\d+(?=\)?$)/m.exec(error.stack ?? '') ?? []
  return `${name} at ${place}: ${error.message.slice(0, 300)}`
}

function exposeGc(): () => void {
  v8.setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}
