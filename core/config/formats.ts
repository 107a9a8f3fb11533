import { isAbsolute, resolve } from 'node:path'
import { readTarget } from '../network/block-target.ts'
import { wholeMultiaddr } from '../network/whole-address.ts'
import { formatBytes, formatDuration, parseBytes, parseDuration } from './quantities.ts'
import type { Format, SchemaKey } from './schema.ts'

/** One format: how a value is read, told and shown. */
interface FormatRule {
  /** Ends the sentence "expected …". */
  readonly expected: string
  /** Turns text from the environment or the command line into what a file would hold. Default: the text itself. */
  fromText?(text: string): unknown
  /** The config value of what a file holds, or undefined where it isn't one. */
  read(value: unknown, baseDirectory: string): unknown
  /** Default: as JSON without the quotes. */
  show?(value: never): string
}

const MAX_PORT = 65_535

const rules: Readonly<Record<Format, FormatRule>> = {
  string: { expected: 'text', read: textOf },
  strings: {
    expected: 'a list of texts',
    fromText: splitList,
    read: value => readList(value, textOf),
  },
  boolean: {
    expected: 'true or false',
    fromText: text => (text === 'true' || text === 'false' ? text === 'true' : text),
    read: value => (typeof value === 'boolean' ? value : undefined),
  },
  integer: {
    expected: 'a whole number',
    fromText: numberFromText,
    read: value => (Number.isSafeInteger(value) ? value : undefined),
  },
  number: {
    expected: 'a number',
    fromText: numberFromText,
    read: value => (Number.isFinite(value) ? value : undefined),
  },
  port: {
    expected: `a port from 0 to ${MAX_PORT}`,
    fromText: numberFromText,
    read: value =>
      Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_PORT ? value : undefined,
  },
  path: { expected: 'a path', read: readPath },
  bytes: {
    expected: 'a size such as 64MiB or 2GB',
    read: value => readQuantity(value, parseBytes),
    show: formatBytes,
  },
  duration: {
    expected: 'a duration such as 500ms, 30s, 10m, 24h or 7d',
    read: value => readQuantity(value, parseDuration),
    show: formatDuration,
  },
  multiaddr: { expected: 'a multiaddr such as /ip4/192.168.1.10/tcp/4001', read: readMultiaddr },
  multiaddrs: {
    expected: 'a list of multiaddrs such as /ip4/0.0.0.0/tcp/4001',
    fromText: splitList,
    read: value => readList(value, readMultiaddr),
  },
  targets: {
    expected: 'a list of IP addresses, networks such as 192.0.2.0/24 and peer ids such as 12D3KooW…',
    fromText: splitList,
    read: value => readList(value, item => (typeof item === 'string' ? readTarget(item)?.text : undefined)),
  },
}

/** What a source gives for a key. `isText`: from the environment or the command line, where all is text. */
export interface RawValue {
  readonly value: unknown
  readonly isText: boolean
  /** What relative paths are relative to. */
  readonly baseDirectory: string
}

export type ReadResult = { readonly value: unknown } | { readonly fault: 'type' | 'range' }

/** Reads a value as its key asks. */
export function readValue(key: SchemaKey<unknown>, raw: RawValue): ReadResult {
  const { format } = key
  if (!isFormat(format)) {
    const matches = (choice: unknown): boolean =>
      choice === raw.value || (raw.isText && String(choice) === raw.value)
    return format.some(matches) ? { value: format.find(matches) } : { fault: 'type' }
  }
  const rule = rules[format]
  const given =
    raw.isText && typeof raw.value === 'string' && rule.fromText ? rule.fromText(raw.value) : raw.value
  const value = rule.read(given, raw.baseDirectory)
  if (value === undefined) return { fault: 'type' }
  if (typeof value === 'number' && !isWithin(key, value)) return { fault: 'range' }
  return { value }
}

/** What a key takes, with its unit and range: `a whole number of connections, from 1 to 10000`. `isText`: see {@link RawValue}. */
export function describeExpected(key: SchemaKey<unknown>, { isText = false } = {}): string {
  const { format, unit } = key
  if (!isFormat(format)) return `one of ${format.join(', ')}`
  const written = isText && rules[format].fromText === splitList ? ', written as a,b' : ''
  return `${rules[format].expected}${unit ? ` of ${unit}` : ''}${describeRange(key)}${written}`
}

/** A config value as one would write it in a file. */
export function showValue(key: SchemaKey<unknown>, value: unknown): string {
  if (value === undefined) return ''
  const show = isFormat(key.format) ? rules[key.format].show : undefined
  if (show) return show(value as never)
  if (Array.isArray(value)) return `[${value.join(', ')}]`
  return String(value)
}

/** Text that names one of the formats above. */
export function isFormat(format: SchemaKey<unknown>['format']): format is Format {
  return typeof format === 'string' && Object.hasOwn(rules, format)
}

function describeRange({ format, min, max }: SchemaKey<unknown>): string {
  const show = (isFormat(format) ? rules[format].show : undefined) as ((bound: number) => string) | undefined
  const text = (bound: number): string => (show ? show(bound) : String(bound))
  if (min !== undefined && max !== undefined) return `, from ${text(min)} to ${text(max)}`
  if (min !== undefined) return `, at least ${text(min)}`
  if (max !== undefined) return `, at most ${text(max)}`
  return ''
}

function isWithin({ min = -Infinity, max = Infinity }: SchemaKey<unknown>, value: number): boolean {
  return value >= min && value <= max
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function readList(value: unknown, readItem: (item: unknown) => string | undefined): string[] | undefined {
  if (!Array.isArray(value)) return undefined
  const items = value.map(readItem)
  return items.includes(undefined) ? undefined : (items as string[])
}

function readPath(value: unknown, baseDirectory: string): string | undefined {
  if (typeof value !== 'string' || value === '' || value.includes('\0')) return undefined
  return isAbsolute(value) ? value : resolve(baseDirectory, value)
}

function readMultiaddr(value: unknown): string | undefined {
  if (typeof value !== 'string' || value === '') return undefined
  try {
    return wholeMultiaddr(value).toString()
  } catch {
    return undefined
  }
}

function readQuantity(value: unknown, parse: (text: string) => number | undefined): number | undefined {
  if (typeof value === 'string') return parse(value)
  return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : undefined
}

/** Text in brackets, as a file has lists, stays text: it would make items with brackets. */
function splitList(text: string): string[] | string {
  if (/^\s*\[.*\]\s*$/s.test(text)) return text
  return text
    .split(',')
    .map(item => item.trim())
    .filter(item => item !== '')
}

/** A number in plain notation; anything else stays text, which no number format takes. */
function numberFromText(text: string): unknown {
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text
}
