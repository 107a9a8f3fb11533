import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './package/settings.ts'

/** What `npm audit --json` tells, as far as it is looked at. */
export interface AuditReport {
  /** Where the registry was not asked, or tells no advisories. */
  readonly error?: { readonly summary?: string; readonly detail?: string }
  readonly message?: string
  readonly vulnerabilities?: Readonly<Record<string, { readonly via: readonly (string | Advisory)[] }>>
}

interface Advisory {
  readonly url: string
  readonly title: string
  readonly severity: string
}

const GRAVE = new Set(['high', 'critical'])
const ADVISORY_ID = /GHSA(-[0-9a-z]{4}){3}/g

/** Advisories that are high or critical and that `reasons`, a text, doesn't name: a line each. */
export function unexplained(report: AuditReport, reasons: string): string[] {
  const explained = new Set(reasons.match(ADVISORY_ID))
  const found = Object.entries(report.vulnerabilities ?? {}).flatMap(([name, { via }]) =>
    via
      .filter(advisory => typeof advisory !== 'string')
      .filter(({ url, severity }) => GRAVE.has(severity) && !explained.has(url.match(ADVISORY_ID)?.[0] ?? ''))
      .map(({ url, title, severity }) => `${name}: ${severity}: ${title} (${url})`),
  )
  return [...new Set(found)]
}

function main(): number {
  const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], { cwd: ROOT, encoding: 'utf8' })
  const report = JSON.parse(stdout || '{}') as AuditReport
  if (!report.vulnerabilities) {
    const why = report.error?.summary || report.message || 'no answer'
    process.stderr.write(`audit: not done, as the registry tells no advisories: ${why}\n`)
    return 0
  }
  const found = unexplained(report, readFileSync(join(ROOT, 'SECURITY.md'), 'utf8'))
  for (const line of found) process.stderr.write(`${line}\n`)
  if (found.length > 0) process.stderr.write('audit: update these, or give the reason in SECURITY.md\n')
  return found.length > 0 ? 1 : 0
}

if (import.meta.main) process.exitCode = main()
