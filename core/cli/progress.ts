import type { Context } from './context.ts'
import { formatBytes, formatDuration } from './format.ts'

const REDRAW_INTERVAL_MS = 100
/** Time goes on where nothing else does. */
const TICK_MS = 1000
const DEFAULT_COLUMNS = 80

/** Back to the start of the line, and erase it. */
const ERASE_LINE = '\r\u001b[K'

export interface ProgressState {
  readonly label: string
  /** What goes on before the first byte. */
  readonly waiting?: string
  readonly bytes: number
  readonly totalBytes?: number
  readonly elapsedMs: number
}

/** `label  12.0 MiB of 96.0 MiB (12%)  4.00 MiB/s  21s left`, or `label  waiting  5s`, cut to `columns`. */
export function renderProgress(
  { label, waiting, bytes, totalBytes, elapsedMs }: ProgressState,
  columns: number,
): string {
  if (bytes === 0 && waiting !== undefined) {
    return [label, waiting, formatDuration(elapsedMs)].join('  ').slice(0, columns)
  }
  const bytesPerMs = elapsedMs > 0 ? bytes / elapsedMs : 0
  const parts = [label]
  if (totalBytes === undefined || totalBytes <= 0) {
    parts.push(formatBytes(bytes))
  } else {
    const percent = Math.min(100, Math.floor((100 * bytes) / totalBytes))
    parts.push(`${formatBytes(bytes)} of ${formatBytes(totalBytes)} (${percent}%)`)
  }
  parts.push(`${formatBytes(bytesPerMs * 1000)}/s`)
  if (totalBytes !== undefined && totalBytes > bytes && bytesPerMs > 0) {
    parts.push(`${formatDuration((totalBytes - bytes) / bytesPerMs)} left`)
  }
  return parts.join('  ').slice(0, columns)
}

/** One line on the terminal that says how far it is. */
export interface ProgressLine extends Disposable {
  update(bytes: number, totalBytes?: number): void
}

const SILENT: ProgressLine = { update() {}, [Symbol.dispose]() {} }

export interface ProgressLineOptions {
  readonly quiet?: boolean
  readonly waiting?: string
}

/** What a command that reads content waits for, until it comes. */
export const LOOKING = 'looking for it here and at peers'

/** Draws on stderr where that is a terminal and a person reads it; is silent otherwise. Disposing erases the line. */
export function progressLine(
  label: string,
  { json }: Pick<Context, 'json'>,
  { quiet = false, waiting }: ProgressLineOptions = {},
): ProgressLine {
  const { stderr } = process
  if (!stderr.isTTY || json || quiet) return SILENT
  const startedMs = performance.now()
  let drawnMs = startedMs
  let state: Omit<ProgressState, 'elapsedMs'> = { label, bytes: 0, ...(waiting !== undefined && { waiting }) }
  const draw = (nowMs: number): void => {
    drawnMs = nowMs
    const text = renderProgress(
      { ...state, elapsedMs: nowMs - startedMs },
      (stderr.columns || DEFAULT_COLUMNS) - 1,
    )
    stderr.write(ERASE_LINE + text)
  }
  const ticking = setInterval(() => draw(performance.now()), TICK_MS).unref()
  return {
    update(bytes, totalBytes) {
      state = { ...state, bytes, ...(totalBytes !== undefined && { totalBytes }) }
      const nowMs = performance.now()
      if (nowMs - drawnMs >= REDRAW_INTERVAL_MS) draw(nowMs)
    },
    [Symbol.dispose]() {
      clearInterval(ticking)
      if (drawnMs !== startedMs) stderr.write(ERASE_LINE)
      drawnMs = startedMs
    },
  }
}

/** Passes bytes on and counts them. */
export async function* counted(
  bytes: AsyncIterable<Uint8Array>,
  onCount: (total: number) => void,
): AsyncGenerator<Uint8Array, void, void> {
  let total = 0
  for await (const chunk of bytes) {
    total += chunk.length
    onCount(total)
    yield chunk
  }
}
