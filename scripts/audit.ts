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

/** `package-lock.json`, as far as it is looked at. */
export interface Lockfile {
  readonly packages: Readonly<Record<string, { readonly version?: string; readonly dev?: boolean }>>
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

/** How many packages the registry is asked about: each version once, those for other systems as well. */
export function countProduction({ packages }: Lockfile): number {
  const production = Object.entries(packages).filter(([path, { dev }]) => path !== '' && !dev)
  return new Set(
    production.map(([path, { version }]) => `${path.replace(/^.*node_modules\//, '')}@${version}`),
  ).size
}

/**
 * A registry that tells no advisories, as many mirrors, fails nothing: nobody who builds against it could mend that. It is
 * said, with what was left out, so that a build that passed isn't taken for one that was looked at.
 */
function main(): number {
  const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], { cwd: ROOT, encoding: 'utf8' })
  const report = JSON.parse(stdout || '{}') as AuditReport
  const count = countProduction(JSON.parse(read('package-lock.json')))
  if (!report.vulnerabilities) {
    const why = report.error?.summary || report.message || 'no answer'
    say(`NOT DONE: none of ${count} packages was looked at, as the registry tells no advisories: ${why}`)
    return 0
  }
  const found = unexplained(report, read('SECURITY.md'))
  for (const line of found) process.stderr.write(`${line}\n`)
  if (found.length === 0) say(`${count} packages, nothing high or critical without a reason`)
  else say('update these, or give the reason in SECURITY.md')
  return found.length > 0 ? 1 : 0
}

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}

function say(text: string): void {
  process.stderr.write(`audit: ${text}\n`)
}

if (import.meta.main) process.exitCode = main()
