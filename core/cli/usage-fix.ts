import type { Command } from 'commander'

/** Global options that take a value, which is no command. */
const VALUED = new Set(['--data', '--socket', '--node'])

/** What to do about a mistake in `argv`: ask the command that was meant, as far as one can tell, for help. */
export function usageFix(program: Command, argv: readonly string[]): string {
  let command = program
  const names = [program.name()]
  for (const [at, argument] of argv.entries()) {
    if (argument.startsWith('-') || VALUED.has(argv[at - 1] ?? '')) continue
    const next = command.commands.find(each => each.name() === argument)
    if (!next) break
    command = next
    names.push(argument)
  }
  return `Run \`${names.join(' ')} --help\` to see what it takes.`
}
