import fc from 'fast-check'
import t from 'tap'
import * as varint from 'uint8-varint'
import { ByteQueue, MALFORMED } from '../../../core/network/byte-queue.ts'

t.test('any chunking of any frames gives the same reads', async () => {
  const frames = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 })
  const cuts = fc.array(fc.nat({ max: 400 }), { maxLength: 60 })
  fc.assert(
    fc.property(frames, cuts, (messages, sizes) => {
      const wire = Buffer.concat(messages.flatMap(message => [varint.encode(message.byteLength), message]))
      const queue = new ByteQueue()
      const read: Uint8Array[] = []
      let length: number | undefined
      const readAll = (): void => {
        for (;;) {
          if (length === undefined) {
            const taken = queue.takeVarint()
            if (taken === undefined) return
            if (taken === MALFORMED) throw new Error('malformed')
            length = taken
          }
          if (queue.byteLength < length) return
          const message = new Uint8Array(length)
          if (queue.fill(message) !== length) throw new Error('short')
          read.push(message)
          length = undefined
        }
      }
      let at = 0
      for (const size of [...sizes, wire.byteLength]) {
        queue.push(wire.subarray(at, at + size))
        at += size
        readAll()
      }
      return read.length === messages.length && queue.byteLength === 0
        ? read.every((message, index) => Buffer.from(message).equals(messages[index] ?? Buffer.alloc(0)))
        : false
    }),
  )
})

t.test('a target is filled over several arrivals', async t => {
  const queue = new ByteQueue()
  const target = new Uint8Array(5)
  queue.push(Uint8Array.of(1, 2))
  const first = queue.fill(target)
  t.equal(first, 2)
  queue.push(Uint8Array.of(3, 4, 5, 6))
  t.equal(queue.fill(target, first), 5)
  t.same([...target], [1, 2, 3, 4, 5])
  t.equal(queue.byteLength, 1)
})

t.test('varints: incomplete, too long, not the shortest', async t => {
  const take = (...bytes: number[]) => {
    const queue = new ByteQueue()
    queue.push(Uint8Array.from(bytes))
    return { taken: queue.takeVarint(), left: queue.byteLength }
  }
  t.same(take(0x80), { taken: undefined, left: 1 }, 'nothing is taken of half a varint')
  t.same(take(0xac, 0x02, 9), { taken: 300, left: 1 })
  t.equal(take(0xff, 0xff, 0xff, 0xff, 0x7f).taken, 2 ** 35 - 1)
  t.equal(take(0xff, 0xff, 0xff, 0xff, 0xff, 0x01).taken, MALFORMED)
  t.equal(take(0x81, 0x00).taken, MALFORMED, 'one with a zero at its end is not the shortest')
  t.equal(take(0x00).taken, 0)
})

t.test('used-up chunks are given back', async t => {
  const queue = new ByteQueue()
  const one = new Uint8Array(1)
  for (let index = 0; index < 1000; index++) queue.push(Uint8Array.of(index % 256))
  for (let index = 0; index < 1000; index++) {
    queue.fill(one)
    if (one[0] !== index % 256) t.fail(`byte ${index}`)
  }
  t.equal(queue.byteLength, 0)
})
