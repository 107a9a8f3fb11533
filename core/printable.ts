// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a name may do to a terminal.
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** Text from elsewhere for a terminal or a log line: what could move the cursor or reorder the line is escaped. */
export function printable(text: string): string {
  return text.replace(UNSAFE, unsafe => `\\u${unsafe.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** As {@link printable}, of what has lines and tabs of its own. What was JSON still is, and says the same. */
export function printableText(text: string): string {
  return text.replace(/[^\n\t]+/g, printable)
}
