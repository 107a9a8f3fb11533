import fc from 'fast-check'
import t from 'tap'
import { coreSchema } from '../../../core/config/core-schema.ts'
import { ConfigError } from '../../../core/config/errors.ts'
import { readSources } from '../../../core/config/reader.ts'
import { parseYaml } from '../../../core/config/yaml-source.ts'

/** Parses, reads against the core's schema, and words the problems. */
function read(text: string): ReturnType<typeof readSources> {
  const { sources, problems } = parseYaml(text, 'x.yaml', 'user')
  const reading = readSources(sources, coreSchema)
  const all = [...problems, ...reading.problems]
  new ConfigError(all).message.toString()
  return { ...reading, problems: all }
}

t.test('an empty file says nothing', async t => {
  for (const text of ['', '\n', '# nothing\n', '---\n', 'null\n', '{}', 'log:\nstorage: {}\n'])
    t.strictSame(read(text), { values: new Map(), problems: [] }, JSON.stringify(text))
})

t.test('any text is read or refused', async () => {
  const fragment = fc.constantFrom(
    ...[
      'log',
      'level',
      'network',
      ':',
      ': ',
      '\n',
      '\n  ',
      '- ',
      '[',
      ']',
      '{',
      '}',
      ',',
      '&a ',
      '*a',
      '!!',
      '? ',
    ],
    ...[
      '"',
      "'",
      '|\n',
      '>\n',
      '#',
      '%YAML 1.1\n',
      '---\n',
      '...\n',
      '<<',
      '__proto__',
      '\t',
      '\u0000',
      '5',
      '~',
    ],
  )
  const yamlish = fc.array(fragment, { maxLength: 60 }).map(parts => parts.join(''))
  fc.assert(
    fc.property(fc.oneof(yamlish, fc.string({ unit: 'binary', maxLength: 200 })), text => {
      for (const { origin } of read(text).problems) {
        if (origin?.file !== 'x.yaml') return false
      }
      return Object.keys(Object.prototype).length === 0
    }),
    { numRuns: 500 },
  )
})

t.test('any JSON is read or refused with the place of each problem', async () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), value => {
      const { problems } = read(JSON.stringify(value))
      return problems.every(({ origin }) => origin?.line === 1 && origin.column !== undefined)
    }),
  )
})

// A parser that took quadratic time would take minutes.
const MANY = 40_000
const bombs: Readonly<Record<string, string>> = {
  'open brackets': '['.repeat(MANY),
  'open braces': '{'.repeat(MANY),
  'nested maps': `${'{a: '.repeat(MANY / 6)}1${'}'.repeat(MANY / 6)}`,
  'nested lists': `a: ${'['.repeat(MANY / 2 - 4)}${']'.repeat(MANY / 2 - 4)}`,
  'deep indentation': Array.from({ length: 280 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
  'dashes on a line': '- '.repeat(MANY / 2),
  'distinct keys': Array.from({ length: MANY / 8 }, (_, index) => `key${index}:`).join('\n'),
  commas: `[${','.repeat(MANY)}`,
  anchors: '&a '.repeat(MANY / 3),
  tags: '! '.repeat(MANY / 2),
  'ten laughs to the ninth': [
    'a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]',
    ...Array.from('abcdefgh', (name, index) => {
      const next = 'bcdefghi'[index]
      return `${next}: &${next} [${Array(10).fill(`*${name}`).join(', ')}]`
    }),
  ].join('\n'),
}

for (const [name, text] of Object.entries(bombs)) {
  t.test(`bounded: ${name}`, { timeout: 20_000 }, async t => {
    t.ok(read(text).problems.length > 0)
  })
}
