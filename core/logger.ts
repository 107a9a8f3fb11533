import { destination, type Logger as PinoLogger, pino } from 'pino'

/** pino's logger: `log.info({ peer }, 'connected')`. Objects first, then a constant message. */
export type Logger = PinoLogger

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Logs JSON lines to stderr, so that stdout stays a command's own. Synchronous: the last line before a crash is the one that matters. */
export function createLogger(level: LogLevel): Logger {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    destination({ fd: 2, sync: true }),
  )
}

/** For tests and one-shot commands. */
export const silentLogger: Logger = pino({ level: 'silent' })
