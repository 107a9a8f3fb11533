import { format } from 'node:util'
import type { ComponentLogger, Logger as Libp2pLogger } from '@libp2p/interface'
import type { Logger } from '../logger.ts'

const SILENT: Libp2pLogger = Object.assign(() => {}, {
  error: () => {},
  trace: () => {},
  newScope: () => SILENT,
  enabled: false,
})

/**
 * libp2p's log in ours: what it calls errors are dials that failed and peers that went, so they are `debug`, as its log
 * is; its trace is `trace`. Loggers are made once per component and connection, and cost nothing where they are silent.
 */
export function libp2pLogger(log: Logger): ComponentLogger {
  return { forComponent: name => scoped(log, name) }
}

function scoped(log: Logger, scope: string): Libp2pLogger {
  if (!log.isLevelEnabled('debug')) return SILENT
  const tracing = log.isLevelEnabled('trace')
  const debug = (template: unknown, ...args: unknown[]): void => log.debug({ scope }, text(template, args))
  return Object.assign(debug, {
    error: debug,
    trace: tracing
      ? (template: unknown, ...args: unknown[]): void => log.trace({ scope }, text(template, args))
      : SILENT.trace,
    newScope: (name: string) => scoped(log, `${scope}:${name}`),
    enabled: true,
  })
}

/** libp2p's own placeholders: %p peer, %a address, %e error, %b %t %m bytes, %k key, %c CID. All of them print well as text. */
function text(template: unknown, args: unknown[]): string {
  return format(String(template).replaceAll(/%[paebtmkc]/g, '%s'), ...args.map(printable))
}

function printable(value: unknown): unknown {
  if (value instanceof Error) return value.message
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (typeof value !== 'object' || value === null) return value
  return String(value) === '[object Object]' ? value : String(value)
}
