import fc from 'fast-check'
import t from 'tap'
import { nearest } from '../../../core/config/nearest.ts'

const keys = ['storage.maxBytes', 'storage.mapBytes', 'network.maxPeers', 'network', 'log.level']

t.test('a typo, a key out of its section, or nothing', async t => {
  t.equal(nearest('storage.maxByte', keys), 'storage.maxBytes')
  t.equal(nearest('netwrok', keys), 'network')
  t.equal(nearest('maxPeers', keys), 'network.maxPeers')
  t.equal(nearest('something.else', keys), undefined)
  t.equal(nearest('foo', ['log', 'net']), undefined, 'two letters of three are another word')
  t.equal(nearest('lg', ['log', 'net']), 'log')
  t.equal(nearest('', keys), undefined)
  t.equal(nearest('x', []), undefined)
  t.equal(nearest('x'.repeat(10_000), keys), undefined)
})

t.test('what it names is always a candidate', async () => {
  fc.assert(
    fc.property(fc.string(), fc.array(fc.string()), (word, candidates) => {
      const found = nearest(word, candidates)
      return found === undefined || candidates.includes(found)
    }),
  )
})
