import { attacks } from './attacks.ts'

/** The attacks, for the README. */
export function attacksTable(): string {
  const rows = Object.values(attacks)
    .flatMap(group => group.attacks)
    .map(({ name, what, limit, result }) => `| ${name} | ${what} | ${limit} | ${result} |`)
  return `${['| attack | what the attacker does | limit | result |', '| --- | --- | --- | --- |', ...rows].join('\n')}\n`
}
