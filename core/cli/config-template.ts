import type { ConfigEntry } from '../config/load.ts'

const HEADER = `# Settings of this node. Everything here is optional: uncomment what you change.
# Shown are the values in effect when the file was made. All keys: skep config docs
`

/** A config file with every setting that has a value commented out, nested and with its documentation. */
export function configTemplate(
  entries: readonly Pick<ConfigEntry, 'key' | 'text' | 'doc' | 'expected'>[],
): string {
  const lines: string[] = [HEADER]
  let open: readonly string[] = []
  for (const { key, text, doc, expected } of entries) {
    if (text === '') continue
    const parts = key.split('.')
    const sections = parts.slice(0, -1)
    const shared = commonLength(open, sections)
    if (sections.length === 0 || shared === 0) lines.push('')
    for (const [depth, name] of sections.entries()) {
      if (depth >= shared) lines.push(`# ${indent(depth)}${name}:`)
    }
    open = sections
    const margin = indent(sections.length)
    lines.push(`# ${margin}# ${doc.replaceAll('\n', ' ')} (${expected})`)
    lines.push(`# ${margin}${parts.at(-1)}: ${text}`)
  }
  return `${lines.join('\n').replace(/\n{3,}/g, '\n\n')}\n`
}

function indent(depth: number): string {
  return '  '.repeat(depth)
}

function commonLength(one: readonly string[], other: readonly string[]): number {
  const different = one.findIndex((part, index) => part !== other[index])
  return different === -1 ? one.length : different
}
