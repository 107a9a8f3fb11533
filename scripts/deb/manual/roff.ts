/** One entry of a list: its term, and what there is to say. */
export interface Entry {
  readonly term: string
  readonly text: string
}

/** The parts of a manual page, as man(7) has them. Text is plain, with `code` in backticks. */
export interface Page {
  readonly name: string
  readonly section: number
  readonly summary: string
  readonly version: string
  /** Of the commit it was made from, as `2026-01-31`. */
  readonly date: string
  readonly body: readonly string[]
}

export function manualPage({ name, section, summary, version, date, body }: Page): string {
  return [
    `.TH ${name.toUpperCase()} ${section} ${date} "skep ${version}"`,
    heading('NAME'),
    `${escapeText(name)} \\- ${escapeText(summary)}`,
    ...body,
    '',
  ].join('\n')
}

export function heading(title: string): string {
  return `.SH ${escapeText(title)}`
}

export function subheading(title: string): string {
  return `.SS ${escapeText(title)}`
}

export function paragraph(text: string): string {
  return `.PP\n${styled(text)}`
}

/** A line of its own, with commands bold. */
export function synopsis(text: string): string {
  return `.PP\n\\fB${escapeText(text)}\\fR`
}

/** Lines as they are. */
export function verbatim(text: string): string {
  return `.PP\n.nf\n${text.split('\n').map(escapeText).join('\n')}\n.fi`
}

export function list(entries: readonly Entry[]): string {
  return entries.map(({ term, text }) => `.TP\n\\fB${escapeText(term)}\\fR\n${styled(text)}`).join('\n')
}

function styled(text: string): string {
  return escapeText(text).replaceAll(/`([^`]+)`/g, '\\fB$1\\fR')
}

/** What roff would read as a command or an escape. A dash stays the one of the keyboard, so that commands can be copied. */
function escapeText(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(/^([.'])/gm, '\\&$1')
}
