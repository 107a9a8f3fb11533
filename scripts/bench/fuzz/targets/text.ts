import { InvalidArgumentError } from 'commander'
import fc from 'fast-check'
import { byteCount, duration, durationBetween } from '../../../../core/cli/options.ts'
import { coreSchema } from '../../../../core/config/core-schema.ts'
import { readEnv } from '../../../../core/config/env.ts'
import { showValue } from '../../../../core/config/formats.ts'
import { formatBytes, formatDuration, parseBytes, parseDuration } from '../../../../core/config/quantities.ts'
import { readSources } from '../../../../core/config/reader.ts'
import { keysOf, type SchemaTree } from '../../../../core/config/schema.ts'
import { singleValue } from '../../../../core/config/source.ts'
import { parseYaml } from '../../../../core/config/yaml-source.ts'
import type { ErrorBody } from '../../../../core/control/errors.ts'
import { decodeErrorTrailer, encodeErrorTrailer } from '../../../../core/control/events.ts'
import { isName } from '../../../../core/fleet/names.ts'
import { printable } from '../../../../core/printable.ts'
import { type FuzzTarget, fuzzTarget } from '../target.ts'
import { record, safeIntegers, textOf, texts, textsOf, utf8 } from '../values.ts'

const UNITS = [
  'B',
  'kB',
  'KiB',
  'MiB',
  'GB',
  'TiB',
  'ms',
  's',
  'm',
  'h',
  'd',
  '.',
  ' ',
  '1e3',
  '0x',
  '-',
  '+',
]

/** Keys of the core with a value each takes, as a file has it. */
const KEYS = [...keysOf(coreSchema as SchemaTree)]
/** One of each format, since a variable is compared with all names. */
const ONE_OF_EACH = [...new Map(KEYS.map(entry => [String(entry[1].format), entry])).values()]
const NAMES = ONE_OF_EACH.map(([name]) => name)
const PLACES = KEYS.filter(
  ([name, { default: value }]) => name.split('.').length === 2 && value !== undefined,
)

/** A config file of some keys at their defaults. */
const configs = fc.subarray(PLACES, { maxLength: 3 }).map(keys => {
  const sections = Map.groupBy(keys, ([name]) => name.split('.')[0] ?? '')
  return [...sections]
    .map(([section, entries]) => {
      const lines = entries.map(
        ([name, key]) => `  ${name.split('.')[1]}: ${showValue(key, key.default) || '""'}\n`,
      )
      return `${section}:\n${lines.join('')}`
    })
    .join('')
})

/** Everything that can be said of a text as a config, and by nobody else: nothing but problems come of a bad one. */
function configIn(text: string): string | undefined {
  const { sources, problems } = parseYaml(text, '/config.yaml', 'user')
  for (const { message } of problems)
    if (message.length > 4096) throw new Error('a problem is told at length')
  if (sources.length === 0) return undefined
  const reading = readSources(sources, coreSchema as SchemaTree, new Set(['plugins']))
  for (const { message } of reading.problems)
    if (message.length > 4096) throw new Error('a problem is told at length')
  return reading.problems.length === 0 ? text : undefined
}

/** One variable or `--set`, `key=value`. */
function optionIn(text: string): string | undefined {
  const at = text.indexOf('=')
  const [name, value] = at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
  const env = readEnv({ [name]: value }, NAMES, ['plugins'], '/')
  const set = singleValue(name, value, { layer: 'set', name }, '/')
  const reading = readSources([...env.sources, set], coreSchema as SchemaTree)
  for (const { message } of [...reading.problems, ...env.problems])
    if (message.length > 4096) throw new Error('a problem is told at length')
  const [read] = [...reading.values].filter(([, { origin }]) => origin.layer === 'set')
  const key = read && KEYS.find(([name]) => name === read[0])?.[1]
  return key ? `${read[0]}=${showValue(key, read[1].value)}` : undefined
}

/** What the command line takes for numbers: its own error, or a number in bounds. */
function optionsIn(text: string): number | undefined {
  const results = [byteCount, duration, durationBetween(1000, 86_400_000)].map(read => {
    try {
      const value = read(text)
      if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${text} is taken for ${value}`)
      return value
    } catch (error) {
      if (error instanceof InvalidArgumentError) return undefined
      throw error
    }
  })
  return results.find(value => value !== undefined)
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be left.
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/

export const TEXT_TARGETS: readonly FuzzTarget[] = [
  fuzzTarget<number>({
    name: 'byte-size',
    covers: ['core/config/quantities.ts#parseBytes'],
    shape: 'text',
    words: UNITS,
    values: safeIntegers,
    encode: bytes => utf8(formatBytes(bytes)),
    decode: bytes => parseBytes(textOf(bytes)),
  }),
  fuzzTarget<number>({
    name: 'duration',
    covers: ['core/config/quantities.ts#parseDuration'],
    shape: 'text',
    words: UNITS,
    values: safeIntegers,
    encode: durationMs => utf8(formatDuration(durationMs)),
    decode: bytes => parseDuration(textOf(bytes)),
  }),
  fuzzTarget<number>({
    name: 'cli-number',
    covers: ['core/cli/options.ts#byteCount', 'core/cli/options.ts#durationBetween'],
    shape: 'text',
    words: UNITS,
    values: safeIntegers,
    encode: value => utf8(String(value)),
    decode: bytes => optionsIn(textOf(bytes)),
  }),
  fuzzTarget<string>({
    name: 'config-file',
    covers: ['core/config/yaml-source.ts#parseYaml', 'core/config/reader.ts#readSources'],
    shape: 'text',
    words: [
      ':',
      '- ',
      '  ',
      '\n',
      '&a',
      '*a',
      '!!',
      '? ',
      '|',
      '>',
      '{',
      '[',
      '---',
      '%YAML',
      '#',
      '<<: *a',
      '"',
      "'",
    ],
    values: configs,
    encode: utf8,
    decode: bytes => configIn(textOf(bytes)),
    maxInputBytes: 16 * 1024,
    maxBytes: { base: 1024 * 1024, perByte: 4000 },
    maxMs: 500,
  }),
  fuzzTarget<string>({
    name: 'config-option',
    covers: [
      'core/config/env.ts#readEnv',
      'core/config/formats.ts#readValue',
      'core/network/whole-address.ts#wholeMultiaddr',
    ],
    shape: 'text',
    words: [
      '=',
      'SKEP_',
      'storage.',
      'maxBytes',
      ',',
      'true',
      '64MiB',
      '..',
      'plugins.',
      '__proto__',
      ...NAMES,
    ],
    values: fc
      .constantFrom(...ONE_OF_EACH.filter(([, { default: value }]) => value !== undefined))
      .map(
        ([name, key]) =>
          `${name}=${Array.isArray(key.default) ? key.default.join(',') : showValue(key, key.default)}`,
      ),
    encode: utf8,
    decode: bytes => optionIn(textOf(bytes)),
    // A list is shown in brackets, which a variable has none of; a path that it is taken from is not shown.
    toValue: text => (text.includes('=[') ? undefined : text),
    meaningOf: text => text.replace(/=\[(.*)\]$/, '=$1').replaceAll(', ', ','),
    maxInputBytes: 4096,
  }),
  fuzzTarget<ErrorBody>({
    name: 'error-trailer',
    covers: ['core/control/events.ts#decodeErrorTrailer'],
    shape: 'text',
    words: ['%7B', '%22', '%', '%ZZ', '%C3%28', '{"code":', 'null'],
    values: record({ code: texts, message: texts, fix: texts }),
    encode: error => utf8(encodeErrorTrailer(error)),
    decode: bytes => decodeErrorTrailer(textOf(bytes)),
    // A long message is cut.
    toValue: error => (JSON.stringify(error).length < 1000 ? error : undefined),
    mayThrow: ['SyntaxError', 'URIError', 'TypeError'],
    maxInputBytes: 8192,
  }),
  fuzzTarget<string>({
    name: 'printable',
    covers: ['core/printable.ts#printable', 'core/fleet/names.ts#isName'],
    shape: 'text',
    words: ['\u001b]0;', '\u009b', '\u202e', '\u2066', '\r', '\b', '\x7f'],
    values: textsOf('abc éß€😀'),
    encode: utf8,
    decode(bytes) {
      const text = textOf(bytes)
      const shown = printable(text)
      if (UNSAFE.test(shown)) throw new Error('something is left that moves the cursor or turns the line')
      if (isName(text) && printable(text) !== text) throw new Error('a name is not printable')
      return shown
    },
  }),
]
