import fc from 'fast-check'
import t from 'tap'
import { type Flow, judgeFlow, MIN_RECEIVED_BYTES, type Stalls } from '../../../core/control/tcp/stalls.ts'

const TIMEOUT_MS = 30_000
const STILL: Flow = { receivedBytes: 0, sentBytes: 0, isReceiving: false, isSending: false }

/** The verdict on a connection that is looked at every five seconds, and when. */
function watch(flowAt: (seconds: number) => Partial<Flow>, forSeconds = 120) {
  let stalls: Stalls = {}
  for (let seconds = 0; seconds <= forSeconds; seconds += 5) {
    const judgement = judgeFlow(stalls, { ...STILL, ...flowAt(seconds) }, TIMEOUT_MS, seconds * 1000)
    if (judgement.verdict) return { seconds, verdict: judgement.verdict }
    stalls = judgement.stalls
  }
  return undefined
}

t.test('who is waited for, and for how long', async t => {
  const late = { seconds: 30 }
  t.same(
    watch(() => ({})),
    undefined,
    'a connection with nothing to move may wait',
  )
  t.match(
    watch(() => ({ isReceiving: true })),
    { ...late, verdict: 'slow_body' },
  )
  t.match(
    watch(seconds => ({ isReceiving: true, receivedBytes: seconds })),
    { ...late, verdict: 'slow_body' },
    'a byte a second',
  )
  t.same(
    watch(s => ({ isReceiving: true, receivedBytes: s * 100 })),
    undefined,
    '100 bytes a second',
  )
  t.match(
    watch(() => ({ isSending: true, sentBytes: 9 })),
    { ...late, verdict: 'slow_reader' },
  )
  t.same(
    watch(s => ({ isSending: true, sentBytes: Math.floor(s / 20) })),
    undefined,
    'it reads',
  )
  t.same(
    watch(s => ({ isSending: s % 30 < 25 })),
    undefined,
    'it catches up now and then',
  )
  t.same(
    watch(s => ({ isReceiving: s % 30 < 25 })),
    undefined,
    'the node is the one that is busy',
  )
  t.match(
    watch(s => ({ isReceiving: true, isSending: true, sentBytes: s })),
    { verdict: 'slow_body' },
    'each way by itself',
  )
})

t.test('who brings enough is never cut off, who brings nothing always is', async t => {
  const steps = fc.array(fc.integer({ min: 1, max: TIMEOUT_MS - 1 }), { minLength: 1, maxLength: 50 })
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(steps, steps => {
        let [stalls, nowMs, receivedBytes]: [Stalls, number, number] = [{}, 0, 0]
        for (const stepMs of steps) {
          nowMs += stepMs
          receivedBytes += MIN_RECEIVED_BYTES
          const judgement = judgeFlow(
            stalls,
            { ...STILL, isReceiving: true, receivedBytes },
            TIMEOUT_MS,
            nowMs,
          )
          if (judgement.verdict) return false
          stalls = judgement.stalls
        }
        const { verdict } = judgeFlow(
          stalls,
          { ...STILL, isReceiving: true, receivedBytes },
          TIMEOUT_MS,
          nowMs + TIMEOUT_MS,
        )
        return verdict === 'slow_body'
      }),
    ),
  )
})
