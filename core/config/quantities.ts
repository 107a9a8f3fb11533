/** Byte sizes and durations as people write them. Reading and writing are each other's inverse. */

interface Unit {
  readonly name: string
  readonly factor: number
}

const BYTE_UNITS: readonly Unit[] = [
  { name: 'TiB', factor: 1024 ** 4 },
  { name: 'TB', factor: 1000 ** 4 },
  { name: 'GiB', factor: 1024 ** 3 },
  { name: 'GB', factor: 1000 ** 3 },
  { name: 'MiB', factor: 1024 ** 2 },
  { name: 'MB', factor: 1000 ** 2 },
  { name: 'KiB', factor: 1024 },
  { name: 'kB', factor: 1000 },
  { name: 'B', factor: 1 },
]

const DURATION_UNITS: readonly Unit[] = [
  { name: 'd', factor: 86_400_000 },
  { name: 'h', factor: 3_600_000 },
  { name: 'm', factor: 60_000 },
  { name: 's', factor: 1000 },
  { name: 'ms', factor: 1 },
]

/** Sixteen digits: the largest number that is exact. */
const QUANTITY = /^(\d{1,16}(?:\.\d{1,16})?) ?([a-z]*)$/i

/** Bytes, rounded to whole ones, or undefined where `text` isn't a size. Units may be in any case. */
export function parseBytes(text: string): number | undefined {
  return parseQuantity(text, BYTE_UNITS)
}

/** Milliseconds, rounded to whole ones, or undefined where `text` isn't a duration. */
export function parseDuration(text: string): number | undefined {
  return parseQuantity(text, DURATION_UNITS)
}

/** The shortest exact text: `64MiB`, `2GB`, `4097B`. */
export function formatBytes(bytes: number): string {
  return formatQuantity(bytes, BYTE_UNITS)
}

/** The shortest exact text: `90s`, `24h`, `1500ms`. */
export function formatDuration(durationMs: number): string {
  return formatQuantity(durationMs, DURATION_UNITS)
}

function parseQuantity(text: string, units: readonly Unit[]): number | undefined {
  const [, digits, unitName] = QUANTITY.exec(text) ?? []
  if (digits === undefined || unitName === undefined) return undefined
  const smallest = units.at(-1)
  const unit = unitName === '' ? smallest : units.find(({ name }) => sameWord(name, unitName))
  if (!unit) return undefined
  const value = Math.round(Number(digits) * unit.factor)
  return Number.isSafeInteger(value) ? value : undefined
}

function formatQuantity(value: number, units: readonly Unit[]): string {
  const texts = units
    .filter(({ factor }) => value % factor === 0)
    .map(({ name, factor }) => `${value / factor}${name}`)
  return texts.reduce((best, text) => (text.length < best.length ? text : best))
}

function sameWord(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}
