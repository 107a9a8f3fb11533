import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import t from 'tap'
import { createEvents } from '../../../core/events.ts'
import {
  type ChangeFeed,
  createChangeFeed,
  parsePosition,
  positionIn,
} from '../../../core/state/change-feed.ts'

const peer = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))

function create() {
  const events = createEvents(error => {
    throw error
  })
  const feed = createChangeFeed({ run: 'r1' }, { events, now: () => 42 })
  const happen = (times = 1): void => {
    for (let time = 0; time < times; time++) events.emit('peer:connected', { peer })
  }
  return { events, feed, happen }
}

/** What a reader gets at once: its opening, and so many changes. */
async function take(feed: ChangeFeed, since: Parameters<ChangeFeed['read']>[0], changes: number) {
  const taken: unknown[] = []
  for await (const { sequence, event, data } of feed.read(since)) {
    taken.push(event === 'feed:opened' ? data : sequence)
    if (taken.length > changes) break
  }
  return taken
}

t.test('each event is one change, as plain JSON, in order', async t => {
  const { events, feed, happen } = create()
  t.equal(feed.sequence, 0)
  happen()
  events.emit('content:released', {})
  events.emit('peer:evidence', { peer, kind: 'timeout', detail: 'slow' })
  t.equal(feed.sequence, 2, 'what is of use within the node alone is none')
  const reader = feed.read({ sequence: 0 })
  t.match(await reader.next(), { value: { event: 'feed:opened', data: { run: 'r1', missed: 0 } } })
  const { value } = await reader.next()
  const expected = { sequence: 1, timeMs: 42, event: 'peer:connected', data: { peer: peer.toString() } }
  t.same(JSON.parse(JSON.stringify(value)), expected)
  t.match(await reader.next(), { value: { sequence: 2, data: { kind: 'timeout' } } })
  const next = reader.next()
  happen()
  t.match(await next, { value: { sequence: 3 } }, 'it waits for what comes')
  await reader.return(undefined as never)
})

t.test('a reader begins now, or where it left off, and is told what is gone for good', async t => {
  const { feed, happen } = create()
  happen(600)
  t.same(await take(feed, { sequence: 598 }, 2), [{ run: 'r1', missed: 0 }, 599, 600])
  t.same(await take(feed, { sequence: 10 }, 1), [{ run: 'r1', missed: 78 }, 89])
  t.same(await take(feed, { run: 'another', sequence: 599 }, 1), [{ run: 'r1', missed: 88 }, 89])
  t.same(await take(feed, { sequence: 9999 }, 1), [{ run: 'r1', missed: 88 }, 89], 'one that never was')
  const fromNow = feed.read()
  await fromNow.next()
  const next = fromNow.next()
  happen()
  t.match(await next, { value: { sequence: 601 } })
  await fromNow.return(undefined as never)
})

t.test('a reader that is too slow is cut', async t => {
  const { feed, happen } = create()
  happen()
  const slow = feed.read({ sequence: 0 })
  await slow.next()
  happen(600)
  await t.rejects(slow.next(), { code: 'EVENTS_MISSED', message: /89 changes/ })
  t.match(await slow.next(), { done: true })
})

t.test('readers are bounded, and those that left count no more', async t => {
  const { feed } = create()
  const readers = Array.from({ length: 64 }, () => feed.read())
  await Promise.all(readers.map(reader => reader.next()))
  await t.rejects(feed.read().next(), { code: 'EVENTS_BUSY' })
  await readers[0]?.return(undefined as never)
  t.match(await feed.read().next(), { value: { event: 'feed:opened' } })
})

t.test('waiting ends with the signal', async t => {
  const { feed } = create()
  const controller = new AbortController()
  const reader = feed.read(undefined, { signal: controller.signal })
  await reader.next()
  const next = reader.next()
  const reason = new Error('enough')
  controller.abort(reason)
  await t.rejects(next, reason)
})

t.test('a position that this run has not come to is refused', async t => {
  const { feed, happen } = create()
  happen(3)
  t.same(positionIn('3', feed), { sequence: 3 })
  t.same(positionIn('another-9', feed), { run: 'another', sequence: 9 })
  for (const text of ['4', 'r1-4']) {
    const message = `since is '${text}', but the newest event of this run is 3`
    t.throws(() => positionIn(text, feed), { code: 'POSITION_INVALID', message })
  }
  t.throws(() => positionIn('abc', feed), { code: 'POSITION_INVALID', message: /since is 'abc', expected/ })
})

t.test('positions', async t => {
  t.same(parsePosition('17'), { sequence: 17 })
  t.same(parsePosition('a1b2-17'), { run: 'a1b2', sequence: 17 })
  for (const text of ['', '-', '-1', 'x', '1.5', 'a-b-1', '9'.repeat(16)])
    t.equal(parsePosition(text), undefined, text)
})
