import type { Command } from 'commander'
import { printable } from '../../../printable.ts'
import type { ReputationEvidence, ReputationReport } from '../../../services/reputation.ts'
import { contextOf, examples, print } from '../../context.ts'
import { formatBytes, formatDuration, table } from '../../format.ts'
import { nodeClient } from '../../node-client.ts'
import { notEmpty } from '../../options.ts'
import { PEER } from './peer-argument.ts'
import { withReputation } from './reputation-routes.ts'

export function defineWhy(command: Command): void {
  command
    .description('tell how far a peer is trusted, whether it is banned, and the evidence for that')
    .argument('<peer>', PEER, notEmpty)
    .addHelpText('after', examples('skep peers why 12D3KooWQ7…', 'skep peers why 9Xc --json | jq .ban'))
    .action(async (peer: string) => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const report = await withReputation(() =>
        client.get<ReputationReport>('reputation/why', { query: { peer } }),
      )
      print(context, report, () => describe(report))
    })
}

/** As a person reads it. */
function describe({ peer, score, credit, evidence, ban, earlierBans }: ReputationReport): string {
  const facts = [
    ['peer id', peer],
    ['score', `${score.toFixed(2)}, where a stranger has 0.50`],
    ...(ban
      ? [
          ['banned', `${formatDuration(ban.madeMsAgo)} ago, for ${formatDuration(ban.endsInMs)} more`],
          ['banned for', `${ban.kind}: ${printable(ban.detail)}`],
        ]
      : []),
    ...(earlierBans > 0 ? [['earlier bans', String(earlierBans)]] : []),
  ]
  const rows = [
    ...(credit.verifiedBytes > 0
      ? [['verified content', formatBytes(credit.verifiedBytes), '-', signed(credit.weight), '']]
      : []),
    ...evidence.map(item => [
      item.kind,
      String(item.times),
      `${formatDuration(item.lastMsAgo)} ago`,
      signed(-item.weight),
      [...uncounted(item), printable(item.detail)].join('; '),
    ]),
  ]
  if (rows.length === 0) return `${table(facts)}\n\nnothing is known for or against it`
  return `${table(facts)}\n\n${table([['EVIDENCE', 'TIMES', 'LAST', 'COUNTS', 'DETAIL'], ...rows])}`
}

function signed(weight: number): string {
  return `${weight < 0 ? '-' : '+'}${Math.abs(weight).toFixed(1)}`
}

function uncounted({ limited, excused }: ReputationEvidence): string[] {
  return [
    ...(limited > 0 ? [`${limited} too soon to count`] : []),
    ...(excused > 0 ? [`${excused} perhaps this node's own fault`] : []),
  ]
}
