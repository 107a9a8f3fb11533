import fc from 'fast-check'
import t from 'tap'
import { ObservedHost } from '../../../plugins/nat/observed-host.ts'

t.test('it is what most witnesses of late say', async t => {
  const observed = new ObservedHost()
  t.equal(observed.value, undefined)
  observed.heard('a', '5.1.1.1')
  observed.heard('b', '5.1.1.2')
  t.equal(observed.value, '5.1.1.2', 'of as many the one heard last')
  observed.heard('c', '5.1.1.1')
  t.equal(observed.value, '5.1.1.1')
  observed.heard('a', '5.1.1.2')
  t.equal(observed.value, '5.1.1.2', 'a witness has one voice')
  observed.forget()
  t.equal(observed.value, undefined)
})

t.test('after a change of address it follows within 16 witnesses, and no liar alone moves it', async t => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 40 }), before => {
      const observed = new ObservedHost()
      for (let at = 0; at < before; at++) observed.heard(`old-${at}`, '5.1.1.1')
      for (let at = 0; at < 20; at++) observed.heard('liar', `6.6.6.${at}`)
      t.equal(observed.value, '5.1.1.1')
      for (let at = 0; at < 16; at++) observed.heard(`new-${at}`, '5.1.1.2')
      return observed.value === '5.1.1.2'
    }),
  )
})
