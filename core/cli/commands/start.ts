import type { Command } from 'commander'
import type { NodeStatus } from '../../state/node-state.ts'
import { contextOf, examples, type Parts, print } from '../context.ts'
import { ensureDataDirectory } from '../data-directory.ts'
import { withHeapFlags } from '../heap-flags.ts'
import { runsHere } from '../here.ts'
import { endProcess, interruption } from '../interrupt.ts'
import { addSettingsOptions, loadSettings, type SettingsOptions } from '../settings.ts'
import { VERSION } from '../version.ts'

export function define(command: Command, parts: Parts): void {
  addSettingsOptions(runsHere(command, 'runs a node here'))
    .addHelpText(
      'after',
      [
        examples('skep start', 'skep start --profile pi-4 --set storage.maxBytes=64GiB'),
        '',
        'Runs in the foreground, and logs to stderr as JSON lines. One line on stdout says when the node is ready.',
        'SIGTERM, SIGINT and `skep stop` stop it cleanly; a second signal ends it at once.',
      ].join('\n'),
    )
    .action(async (options: SettingsOptions) => {
      withHeapFlags()
      const context = contextOf(command)
      const { dataDirectory, socketPath } = context
      const config = await loadSettings(context, options, parts)
      const signal = interruption()
      await ensureDataDirectory(dataDirectory, config.core.storage)
      const [{ startNode }, { createLogger }] = await Promise.all([
        import('../../node.ts'),
        import('../../logger.ts'),
      ])
      const log = createLogger(config.core.log.level)
      const onFatal = (error: Error, idle: Promise<void>): void => {
        log.fatal({ err: error }, 'the node ends now')
        void idle.then(() => endProcess(1))
      }
      const { env } = process
      const parameters = { config, dataDirectory, socketPath, version: VERSION, log, env, onFatal, signal }
      const node = await startNode(parameters).catch(error => {
        if (signal.aborted) return undefined
        throw error
      })
      if (!node) return
      const stop = (): void => void node.stop().catch(() => {}) // Told by `stopped`.
      if (signal.aborted) stop()
      signal.addEventListener('abort', stop)
      const status = node.status()
      print(context, readyOf(status), () => describe(status))
      if (!node.bootReport.ok && !context.json) process.stderr.write(`${node.bootReport.text}\n`)
      await node.stopped
    })
}

interface Ready {
  readonly peerId: string
  readonly addresses: readonly string[]
  /** Where monitoring answers, as an http URL. */
  readonly monitoring?: string
}

function readyOf({ peerId, addresses, details }: NodeStatus): Ready {
  const monitoring = (details.monitoring as { url?: string } | undefined)?.url
  return { peerId, addresses, ...(monitoring !== undefined && { monitoring }) }
}

function describe(status: NodeStatus): string {
  const { peerId, addresses, monitoring } = readyOf(status)
  const parts = [
    `${status.phase}: ${peerId}`,
    addresses.length > 0 ? `on ${addresses.map(withoutPeer).join(' ')}` : 'on no address',
    ...(monitoring ? [`monitoring ${monitoring}`] : []),
    ...(status.reasons.length > 0 ? [`(${status.reasons.join('; ')})`] : []),
  ]
  return parts.join(' ')
}

/** The line names the peer once. */
function withoutPeer(address: string): string {
  return address.replace(/\/p2p\/[^/]+$/, '')
}
