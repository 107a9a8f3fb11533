import { defineErrors } from '../errors.ts'

export const cliError = defineErrors({
  USAGE: 'Run the command with --help to see what it takes.',
  NODE_NOT_RUNNING: 'Start the node with `skep start`, or name the right one with --data or --socket.',
  NODE_DENIED:
    'Run the command as the user that runs the node; for the service, join its group with `sudo adduser $USER skep` and log in again.',
  NODE_GONE: 'See the log of the node for the reason, start it again, and repeat the command.',
  BOARD_GONE:
    'See whether the board is there with `skep peers`, and whether this one is still an operator with `skep fleet`; then repeat the command.',
  ANSWER_INVALID:
    'Check that --data or --socket names a node, and that command and node are of one version; its log may tell more.',
  DATA_DIRECTORY_INVALID: 'Choose a directory that you may read and write with --data or SKEP_DATA.',
  VOLUME_MISSING:
    'Mount the disk; prepare a new one with `skep init --volume`, as the user that runs the node.',
  INPUT_UNREADABLE: 'Check the path and its permissions.',
  INPUT_UNSUPPORTED:
    'Add files, directories, symlinks and pipes whose names are valid UTF-8; pipe in what a device gives: `cat DEVICE | skep add -`.',
  INPUT_CHANGED: 'Repeat the command when nothing writes to the file.',
  OUTPUT_EXISTS: 'Choose another name with -o; `skep get` replaces what is there with --force.',
  OUTPUT_TYPE_DIFFERS: 'Choose another name with -o, or remove what is there yourself.',
  OUTPUT_FAILED: 'Check the directory, its permissions and the free space.',
  OUTPUT_REFUSED: 'Take single files of the tree with `skep cat`.',
  CONTENT_DAMAGED:
    'Connect to a peer that has a good copy (`skep peers connect`): the node then repairs what is pinned by itself.',
  VERIFICATION_OFF: 'Add `verification:` to the plugins of its configuration, and start it again.',
  ROUTING_OFF: 'Add `routing:` to the plugins of its configuration, and start it again.',
  REPUTATION_OFF: 'Add `reputation:` to the plugins of its configuration, and start it again.',
  REFERENCES_WRONG: 'Put it right with `skep storage verify-refs --repair`.',
  UNEXPECTED: 'This is a bug in skep: please report it with the output of SKEP_DEBUG=1.',
  LICENSES_NOT_HERE: 'Ask an executable, or look into the packages in node_modules: each has its own.',
  INTERRUPTED: 'Repeat the command: what has arrived is kept by the node.',
})

/** How the command itself fared: what its exit code tells, and what commands branch on. So no node says any of these. */
export const OWN_CODES: ReadonlySet<string> = new Set(['USAGE', 'NODE_NOT_RUNNING', 'INTERRUPTED'])
