import type { Context } from './context.ts'
import { formatBytes, formatDuration } from './format.ts'

const REDRAW_INTERVAL_MS = 100
const DEFAULT_COLUMNS = 80

/** Back to the start of the line, and erase it. */
const ERASE_LINE = '\r\u001b[K'

export interface ProgressState {
  readonly label: string
  readonly bytes: number
  readonly totalBytes?: number
  readonly elapsedMs: number
}

/** `label  12.0 MiB of 96.0 MiB (12%)  4.00 MiB/s  21s left`, cut to `columns`. */
export function renderProgress(
  { label, bytes, totalBytes, elapsedMs }: ProgressState,
  columns: number,
): string {
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

/** Draws on stderr where that is a terminal and a person reads it; is silent otherwise. Disposing erases the line. */
export function progressLine(label: string, { json }: Pick<Context, 'json'>, quiet = false): ProgressLine {
  const { stderr } = process
  if (!stderr.isTTY || json || quiet) return SILENT
  const startedMs = performance.now()
  let drawnMs = startedMs
  return {
    update(bytes, totalBytes) {
      const nowMs = performance.now()
      if (nowMs - drawnMs < REDRAW_INTERVAL_MS) return
      drawnMs = nowMs
      const state = {
        label,
        bytes,
        ...(totalBytes !== undefined && { totalBytes }),
        elapsedMs: nowMs - startedMs,
      }
      stderr.write(ERASE_LINE + renderProgress(state, (stderr.columns || DEFAULT_COLUMNS) - 1))
    },
    [Symbol.dispose]() {
      if (drawnMs !== startedMs) stderr.write(ERASE_LINE)
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
