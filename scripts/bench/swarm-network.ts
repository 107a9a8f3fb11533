import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'

export interface SwarmNetworkOptions {
  readonly hosts: number
  /** What each host may send. What it receives is bounded by nothing but the others' uplinks. */
  readonly uplinkMegabits: number
}

export interface SwarmHost {
  /** Of its network namespace. */
  readonly namespace: string
  readonly address: string
}

/**
 * The most that waits behind a shaped uplink before packets are dropped. A router of a home has about as much; with a
 * quarter of it the streams of seven peers lost every sixth packet.
 */
const QUEUE_MS = 100

/** What may leave at once: two of the largest segments that TCP hands down, or each is cut up and dropped in parts. */
const BURST_BYTES = 128 * 1024

/**
 * Hosts in network namespaces on one bridge, which has a namespace of its own: nothing of the machine's network is
 * touched. Each host's uplink is shaped where it leaves the host. Needs root and iproute2.
 */
export class SwarmNetwork implements Disposable {
  readonly hosts: readonly SwarmHost[]
  readonly #namespaces: string[] = []
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    this[Symbol.dispose]()
    process.exit(signal === 'SIGINT' ? 130 : 143)
  }

  constructor({ hosts, uplinkMegabits }: SwarmNetworkOptions) {
    if (process.getuid?.() !== 0) throw new Error('a swarm needs root, to make network namespaces')
    process.on('SIGINT', this.#onSignal).on('SIGTERM', this.#onSignal)
    try {
      const hub = this.#namespace()
      inside(hub, 'link', 'add', 'bridge', 'type', 'bridge')
      inside(hub, 'link', 'set', 'bridge', 'up')
      this.hosts = Array.from({ length: hosts }, (_, index) => this.#host(hub, index, uplinkMegabits))
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
  }

  /** Ends what still runs in the namespaces and removes them. Idempotent. */
  [Symbol.dispose](): void {
    process.off('SIGINT', this.#onSignal).off('SIGTERM', this.#onSignal)
    for (const namespace of this.#namespaces.splice(0)) {
      for (const pid of ip('netns', 'pids', namespace).split('\n').filter(Boolean)) kill(Number(pid))
      ip('netns', 'delete', namespace)
    }
  }

  #namespace(): string {
    const name = `skep-${randomBytes(4).toString('hex')}`
    ip('netns', 'add', name)
    this.#namespaces.push(name)
    inside(name, 'link', 'set', 'lo', 'up')
    return name
  }

  #host(hub: string, index: number, megabits: number): SwarmHost {
    const namespace = this.#namespace()
    const address = `10.77.0.${index + 1}`
    const port = `port${index}`
    inside(hub, 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'uplink', 'netns', namespace)
    inside(hub, 'link', 'set', port, 'master', 'bridge', 'up')
    inside(namespace, 'address', 'add', `${address}/24`, 'dev', 'uplink')
    inside(namespace, 'link', 'set', 'uplink', 'up')
    const shape = ['rate', `${megabits}mbit`, 'burst', `${BURST_BYTES}`, 'latency', `${QUEUE_MS}ms`]
    execFileSync('tc', ['-n', namespace, 'qdisc', 'add', 'dev', 'uplink', 'root', 'tbf', ...shape])
    return { namespace, address }
  }
}

function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8' })
}

function inside(namespace: string, ...args: string[]): void {
  ip('-n', namespace, ...args)
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    // It has ended by itself.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
