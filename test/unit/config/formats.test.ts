import fc from 'fast-check'
import t from 'tap'
import { describeExpected, type ReadResult, readValue, showValue } from '../../../core/config/formats.ts'
import type { Format, SchemaKey } from '../../../core/config/schema.ts'

const key = (format: Format | readonly unknown[], more: Partial<SchemaKey<unknown>> = {}) => ({
  doc: 'A key.',
  format,
  default: undefined,
  ...more,
})

const fromFile = (format: Format | readonly unknown[], value: unknown, more?: Partial<SchemaKey<unknown>>) =>
  readValue(key(format, more), { value, isText: false, baseDirectory: '/etc/skep' })

const fromText = (format: Format | readonly unknown[], value: string) =>
  readValue(key(format), { value, isText: true, baseDirectory: '/etc/skep' })

const wrong: ReadResult = { fault: 'type' }

t.test('files give typed values', async t => {
  const good: readonly [Format | readonly unknown[], unknown, unknown][] = [
    ['string', '', ''],
    ['strings', ['a', 'b'], ['a', 'b']],
    ['strings', [], []],
    ['boolean', false, false],
    ['integer', -3, -3],
    ['number', 0.5, 0.5],
    ['port', 0, 0],
    ['port', 65_535, 65_535],
    ['path', 'a/b', '/etc/skep/a/b'],
    ['path', '/a/b', '/a/b'],
    ['bytes', '64MiB', 67_108_864],
    ['bytes', 512, 512],
    ['duration', '2m', 120_000],
    ['multiaddr', '/ip4/127.0.0.1/tcp/1', '/ip4/127.0.0.1/tcp/1'],
    ['multiaddrs', ['/ip6/::/tcp/0'], ['/ip6/::/tcp/0']],
    ['targets', ['192.0.2.7/24', '2001:DB8::1'], ['192.0.2.0/24', '2001:db8::1']],
    [['lru', 'sieve'], 'lru', 'lru'],
    [[1, 2], 2, 2],
  ]
  for (const [format, value, expected] of good) t.strictSame(fromFile(format, value), { value: expected })

  const bad: readonly [Format | readonly unknown[], unknown][] = [
    ['string', 5],
    ['string', null],
    ['strings', 'a'],
    ['strings', ['a', 1]],
    ['boolean', 'true'],
    ['boolean', 1],
    ['integer', 1.5],
    ['integer', '7'],
    ['integer', 2 ** 60],
    ['number', Number.NaN],
    ['number', Infinity],
    ['port', 65_536],
    ['port', -1],
    ['path', ''],
    ['path', 'a\0b'],
    ['bytes', -1],
    ['bytes', 1.5],
    ['bytes', 'much'],
    ['duration', 'soon'],
    ['multiaddr', ''],
    ['multiaddr', 'localhost:80'],
    ['multiaddr', '/ip4/127.0.0.1/tcp/1/p2p/v'],
    ['multiaddrs', ['/ip4/300.0.0.1/tcp/1']],
    ['targets', ['192.0.2.7', 'example.org']],
    ['targets', [7]],
    ['multiaddrs', '/ip4/127.0.0.1/tcp/1'],
    [['lru', 'sieve'], 'fifo'],
    [[1, 2], '2'],
  ]
  for (const [format, value] of bad)
    t.strictSame(fromFile(format, value), wrong, `${format} ${JSON.stringify(value)}`)
})

t.test('variables and options give text', async t => {
  t.strictSame(fromText('boolean', 'true'), { value: true })
  t.strictSame(fromText('boolean', 'false'), { value: false })
  t.strictSame(fromText('boolean', 'yes'), wrong)
  t.strictSame(fromText('integer', '42'), { value: 42 })
  t.strictSame(fromText('integer', '0x10'), wrong)
  t.strictSame(fromText('integer', ''), wrong)
  t.strictSame(fromText('number', '-0.5'), { value: -0.5 })
  t.strictSame(fromText('port', '9464'), { value: 9464 })
  t.strictSame(fromText('strings', 'a, b,'), { value: ['a', 'b'] })
  t.strictSame(fromText('strings', ''), { value: [] })
  t.strictSame(fromText('string', '5'), { value: '5' })
  t.strictSame(fromText('multiaddrs', '/ip4/127.0.0.1/tcp/1,/ip4/127.0.0.1/tcp/2'), {
    value: ['/ip4/127.0.0.1/tcp/1', '/ip4/127.0.0.1/tcp/2'],
  })
  t.strictSame(fromText([1, 2], '2'), { value: 2 })
})

t.test('bounds are inclusive, in the unit of the result', async t => {
  const bounds = { min: 1024, max: 2048 }
  t.strictSame(fromFile('bytes', '1KiB', bounds), { value: 1024 })
  t.strictSame(fromFile('bytes', '2KiB', bounds), { value: 2048 })
  t.strictSame(fromFile('bytes', '1023B', bounds), { fault: 'range' })
  t.strictSame(fromFile('bytes', 2049, bounds), { fault: 'range' })
})

t.test('what a key takes is told with unit and range', async t => {
  t.equal(
    describeExpected(key('bytes', { min: 1024, max: 2048 })),
    'a size such as 64MiB or 2GB, from 1KiB to 2KiB',
  )
  t.equal(describeExpected(key('integer', { unit: 'peers', min: 1 })), 'a whole number of peers, at least 1')
  t.match(describeExpected(key('duration', { max: 60_000 })), /, at most 1m$/)
  t.equal(describeExpected(key(['a', 'b'])), 'one of a, b')
})

t.test('a value shown is a value that can be read', async t => {
  const shownReads = (format: Format, value: unknown): boolean => {
    const shown = showValue(key(format), value)
    const read = readValue(key(format), { value: shown, isText: true, baseDirectory: '/' })
    return 'value' in read && read.value === value
  }
  fc.assert(
    fc.property(fc.maxSafeNat(), value => shownReads('bytes', value) && shownReads('duration', value)),
  )
  fc.assert(fc.property(fc.maxSafeInteger(), value => shownReads('integer', value)))
  t.equal(showValue(key('strings'), ['a', 'b']), '[a, b]')
  t.equal(showValue(key('string'), undefined), '')
})
