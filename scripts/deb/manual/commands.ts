import { type CommandNode, type CommandOption, eachCommand } from '../command-tree.ts'
import { heading, list, manualPage, paragraph, subheading, synopsis, verbatim } from './roff.ts'

interface PageOptions {
  readonly version: string
  readonly date: string
}

/** skep(1): every command with its options and examples, as the program defines them. */
export function commandsManual(program: CommandNode, { version, date }: PageOptions): string {
  const commands = Array.from(eachCommand(program)).filter(({ commands }) => commands.length === 0)
  return manualPage({
    name: 'skep',
    section: 1,
    summary: 'peer-to-peer content node',
    version,
    date,
    body: [
      heading('SYNOPSIS'),
      synopsis('skep COMMAND [options]'),
      heading('DESCRIPTION'),
      paragraph(
        'A node finds its neighbours, shares files by the hash of their content, verifies every byte it receives, keeps ' +
          'what you pin, and makes room by itself. `skep start` runs one; the other commands speak with it.',
      ),
      heading('OPTIONS'),
      paragraph('Every command takes these, too.'),
      options(program.options),
      heading('COMMANDS'),
      ...commands.map(describe),
      heading('EXAMPLES'),
      verbatim(program.epilogue.replace(/^Examples?:\n/, '')),
      heading('ENVIRONMENT'),
      list(environment(program)),
      paragraph('Every setting has a variable as well: see skep-config(5).'),
      heading('FILES'),
      list(FILES),
      heading('SEE ALSO'),
      paragraph('skep-config(5), systemctl(1), journalctl(1)'),
    ],
  })
}

const FILES = [
  { term: '~/.local/share/skep', text: 'Where everything of a node lives that you start yourself.' },
  { term: '/etc/skep/config.yaml', text: 'Settings of the service.' },
  { term: '/var/lib/skep', text: 'Where everything of the service lives.' },
  {
    term: '/run/skep/skep.sock',
    text: 'Control socket of the service, for root and the group `skep`. Commands find it by themselves.',
  },
  {
    term: '/usr/share/doc/skep/examples/usb-disk.conf',
    text: 'How to have the data of the service on a disk of its own.',
  },
]

function describe(node: CommandNode): string {
  const usage = [...node.path, ...node.arguments.map(({ term }) => term)]
  const taken = [
    ...node.arguments.map(({ term, summary }) => ({ term, text: summary })),
    ...node.options.map(entryOf),
  ]
  return [
    subheading([...usage, ...(node.options.length > 0 ? ['[options]'] : [])].join(' ')),
    paragraph(`${sentence(node.summary)}`),
    ...(taken.length > 0 ? [list(taken)] : []),
    verbatim(node.epilogue),
  ].join('\n')
}

function options(entries: readonly CommandOption[]): string {
  return list(entries.map(entryOf))
}

function entryOf({ term, summary }: CommandOption): { term: string; text: string } {
  return { term, text: summary }
}

function environment(program: CommandNode): { term: string; text: string }[] {
  const all = Array.from(eachCommand(program)).flatMap(({ options }) => options)
  const names = new Map(all.flatMap(({ env, long }) => (env === undefined ? [] : [[env, long]])))
  return [
    ...Array.from(names, ([term, long]) => ({ term, text: `Stands for \`${long}\`.` })),
    { term: 'SKEP_DEBUG', text: 'Where it is set, errors come with what led to them.' },
  ]
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
