import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** Node has no datagram sockets of the unix kind. Perl is on every Debian. */
const RECEIVE = `
use IO::Socket::UNIX;
my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die "$ARGV[0]: $!";
$| = 1;
print "listening\\n";
while (defined $socket->recv(my $message, 65536)) { print "$message\\n" }
`

/** What a service manager hears. */
export interface NotifyReceiver extends AsyncDisposable {
  /** Lines so far, oldest first: `READY=1`, `STATUS=…`. */
  readonly heard: readonly string[]
  /** Resolves when `line` has been heard `times` times in all. */
  hears(line: string, times?: number): Promise<void>
}

/** Listens on a unix datagram socket, as systemd does at NOTIFY_SOCKET. */
export async function createNotifyReceiver(path: string): Promise<NotifyReceiver> {
  const child = spawn('perl', ['-e', RECEIVE, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })
  await once(lines, 'line')
  const heard: string[] = []
  lines.on('line', line => heard.push(line))
  return {
    heard,
    async hears(line, times = 1) {
      while (heard.filter(one => one === line).length < times) await once(lines, 'line')
    },
    async [Symbol.asyncDispose]() {
      const closed = once(child, 'close')
      child.kill()
      await closed
    },
  }
}
