import { parentPort } from 'node:worker_threads'
import { keptInputs } from './kept-inputs.ts'
import { TARGETS } from './targets.ts'
import { type Finding, Trial } from './trial.ts'

/** What the worker is started with. */
export interface Order {
  readonly target: string
  readonly seed: number
  /** The number of the first input: the same for the same seed. */
  readonly from: number
  readonly count: number
  readonly stage: Stage
}

/** Memory that both sides see: what is tried right now, for when the worker can't tell any more. */
export interface Stage {
  /** How many inputs so far, and the length of the last of them. */
  readonly state: Int32Array<SharedArrayBuffer>
  readonly input: Uint8Array<SharedArrayBuffer>
}

export type Report =
  | { readonly done: { readonly cases: number; readonly findings: readonly Finding[] } }
  | { readonly ready: true }

const port = parentPort
if (!port) throw new Error('this is started as a worker')

port.on('message', async ({ target: name, seed, from, count, stage }: Order) => {
  const target = TARGETS.find(each => each.name === name)
  if (!target) throw new Error(`no target is named '${name}'`)
  const trial = new Trial({ target, seed }, input => {
    const { length } = input
    stage.input.set(length > stage.input.length ? input.subarray(0, stage.input.length) : input)
    stage.state[1] = Math.min(length, stage.input.length)
    Atomics.add(stage.state, 0, 1)
  })
  await trial.replay((await keptInputs(name)).map(({ bytes }) => bytes))
  await trial.run(count, from)
  const { cases, findings } = trial
  port.postMessage({ done: { cases, findings } } satisfies Report)
})

port.postMessage({ ready: true } satisfies Report)
