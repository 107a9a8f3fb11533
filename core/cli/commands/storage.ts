import type { Command } from 'commander'
import { examples, type Parts } from '../context.ts'
import { defineCompact } from './storage/compact.ts'
import { defineRebuild } from './storage/rebuild.ts'
import { defineStats } from './storage/stats.ts'
import { defineVerifyRefs } from './storage/verify-refs.ts'

export function define(command: Command, parts: Parts): void {
  command.addHelpText(
    'after',
    examples('skep storage stats', 'skep stop; skep storage compact && skep start'),
  )
  defineStats(command.command('stats'), parts)
  defineVerifyRefs(command.command('verify-refs'), parts)
  defineCompact(command.command('compact'), parts)
  defineRebuild(command.command('rebuild'), parts)
}
