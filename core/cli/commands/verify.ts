import type { Command } from 'commander'
import { isSkepError } from '../../errors.ts'
import { printable } from '../../printable.ts'
import type { Client } from '../client.ts'
import { type Context, contextOf, examples, print } from '../context.ts'
import { cliError } from '../errors.ts'
import { formatBytes, formatDuration, table } from '../format.ts'
import { interruption } from '../interrupt.ts'
import { nodeClient } from '../node-client.ts'
import { notEmpty } from '../options.ts'
import { progressLine } from '../progress.ts'

interface State {
  readonly periodMs: number
  readonly share: number
  readonly elapsedMs: number
  readonly blocks: number
  readonly bytes: number
  readonly isDone: boolean
  readonly lastPass?: { endedMs: number; durationMs: number; blocks: number; bytes: number }
  readonly damaged: number
  readonly repaired: number
  readonly unrepaired: number
  readonly beyond: number
}

interface Damage {
  readonly cid: string
  readonly foundMs: number
  readonly tries: number
  readonly reason?: string
}

interface Report {
  readonly cid: string
  readonly blocks: number
  readonly bytes: number
  readonly damaged: number
  readonly repaired: number
  readonly unrepaired: number
  readonly absent: number
  readonly problems: readonly { readonly cid: string; readonly reason: string }[]
}

export function define(command: Command): void {
  command
    .argument('[path]', 'CID or CID/a/b: verify what is here of it, now', notEmpty)
    .option('--list', 'list what is pinned, damaged, and not repaired yet')
    .addHelpText(
      'after',
      examples(
        'skep verify                   # how far the scrub is, and what it found',
        'skep verify CID               # exit code 1 where something is bad and stays so',
        'skep verify --list --json | jq -r .cid',
      ),
    )
    .action(async (path: string | undefined, { list = false }: { list?: boolean }) => {
      if (list && path !== undefined)
        throw cliError('USAGE', '--list is of all that is here: leave the CID out')
      const context = contextOf(command)
      const client = await nodeClient(context)
      try {
        if (path !== undefined) await verify(context, client, path)
        else if (list) await listDamage(context, client)
        else await showState(context, client)
      } catch (error) {
        if (!isSkepError(error, 'ROUTE_NOT_FOUND')) throw error
        throw cliError('VERIFICATION_OFF', 'the node runs without the plugin verification', { cause: error })
      }
    })
}

async function verify(context: Context, client: Client, path: string): Promise<void> {
  using progress = progressLine('verifying', context)
  const report = await client.operate<Report>({
    method: 'POST',
    path: 'verification',
    body: { path },
    signal: interruption(),
    onProgress: ({ bytes, totalBytes }) => progress.update(bytes, totalBytes),
  })
  progress[Symbol.dispose]()
  print(context, report, () => describeReport(report))
  const { unrepaired } = report
  if (unrepaired === 0) return
  throw cliError('CONTENT_DAMAGED', `${blocks(unrepaired)} of ${report.cid} could not be repaired`)
}

function describeReport({ cid, problems, ...report }: Report): string {
  const found =
    report.damaged === 0 ? 'all good' : `${report.damaged} damaged, ${report.repaired} of them repaired`
  const absent = report.absent === 0 ? '' : `; ${report.absent} aren't here`
  return [
    `${cid}  ${blocks(report.blocks)}, ${formatBytes(report.bytes)}: ${found}${absent}`,
    ...problems.map(problem => `${problem.cid}  ${printable(problem.reason)}`),
  ].join('\n')
}

async function listDamage(context: Context, client: Client): Promise<void> {
  const listed: Damage[] = []
  const { beyond } = await client.operate<{ beyond: number }, Damage>({
    method: 'GET',
    path: 'verification/damaged',
    signal: interruption(),
    isKept: !context.json,
    onItem(damage) {
      if (context.json) print(context, damage, () => '')
      else listed.push(damage)
    },
  })
  if (context.json) return
  print(context, listed, () => describeList(listed, beyond))
}

function describeList(listed: readonly Damage[], beyond: number): string {
  if (listed.length === 0) return 'nothing is damaged'
  const rows = listed.map(({ cid, foundMs, tries, reason }) => [
    cid,
    new Date(foundMs).toISOString(),
    String(tries),
    printable(reason ?? '-'),
  ])
  const text = table([['BLOCK', 'FOUND', 'TRIES', 'WHY NOT REPAIRED'], ...rows])
  return beyond === 0 ? text : `${text}\nand ${beyond} more`
}

async function showState(context: Context, client: Client): Promise<void> {
  const state = await client.get<State>('verification')
  print(context, state, () => describeState(state))
}

function describeState(state: State): string {
  const { lastPass } = state
  const looked = `${blocks(state.blocks)}, ${formatBytes(state.bytes)}`
  const pass = state.isDone ? 'done' : `${Math.floor(state.share * 100)}% done`
  return table([
    [
      'this pass',
      `${pass}: ${looked} in ${formatDuration(state.elapsedMs)} of ${formatDuration(state.periodMs)}`,
    ],
    [
      'last pass',
      lastPass
        ? `${blocks(lastPass.blocks)}, ${formatBytes(lastPass.bytes)} in ${formatDuration(lastPass.durationMs)}, until ${new Date(lastPass.endedMs).toISOString()}`
        : 'none yet',
    ],
    ['since start', `${state.damaged} damaged, ${state.repaired} repaired`],
    ['not repaired', String(state.unrepaired + state.beyond)],
  ])
}

function blocks(count: number): string {
  return count === 1 ? '1 block' : `${count} blocks`
}
