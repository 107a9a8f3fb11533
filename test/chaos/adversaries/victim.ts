import { Agent, request } from 'node:http'
import type { Test } from 'tap'
import { type Client, createClient } from '../../../core/cli/client.ts'
import type { ReputationReport } from '../../../core/services/reputation.ts'
import type { NodeStatus } from '../../../core/state/node-state.ts'
import { QUIET } from '../../helpers/quiet-node.ts'
import { SkepProcess } from '../../helpers/skep-process.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

/** The budgets of the smallest board, and a store that content of attackers fills soon. */
const SMALL = ['--set', 'profile=pi-zero', '--set', 'storage.maxBytes=256MiB']

/** As config/systemd/skep.service.d/pi-zero.conf has it. */
const HEAP = { NODE_OPTIONS: '--max-old-space-size=160' }

/** More than a probe may take (`plugins.monitoring.probeTimeoutMs`): a node that says nothing for so long isn't ready. */
const ANSWER_LIMIT_MS = 10_000

/** Attackers, honest peers and other tests share the processors with it: what is late by less need not be its own fault. */
const PATIENT = [
  '--set',
  'plugins.monitoring.maxLoopLagMs=4s',
  '--set',
  'plugins.monitoring.probeTimeoutMs=8s',
]

/** Nothing came on a connection that had brought answers before. */
const CLOSED_BEFORE = new Error('the connection was closed')

export interface Answer {
  readonly status: number
  readonly body: string
}

/** A node in a process of its own, and all that may be asked of it from outside. */
export class Victim {
  readonly process: SkepProcess
  /** Its control socket. */
  readonly client: Client
  readonly socketPath: string
  /** One connection that is there before an attack begins, and is kept by asking often: whoever watches a node has one. */
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })

  private constructor(process: SkepProcess) {
    this.process = process
    this.socketPath = `${process.directory}/skep.sock`
    this.client = createClient(this.socketPath)
  }

  static async start(t: Test, settings: readonly string[] = []): Promise<Victim> {
    const directory = await temporaryDirectory(t)
    const victim = new Victim(
      await SkepProcess.start(directory, [...QUIET, ...SMALL, ...PATIENT, ...settings], { env: HEAP }),
    )
    t.teardown(() => victim.#end())
    return victim
  }

  async #end(): Promise<void> {
    this.#agent.destroy()
    await this.process.end()
  }

  get pid(): number {
    return this.process.pid
  }

  get peerId(): string {
    return this.process.ready.peerId
  }

  /** With `/p2p/…`. */
  get address(): string {
    const [address] = this.process.ready.addresses
    if (!address) throw new Error('the node listens nowhere')
    return address
  }

  /** The TCP port for peers, on 127.0.0.1. */
  get port(): number {
    return Number(/\/tcp\/(\d+)/.exec(this.address)?.[1])
  }

  /** Where its monitoring answers. */
  get monitoring(): URL {
    const { monitoring } = this.process.ready
    if (!monitoring) throw new Error('the node has no monitoring')
    return new URL(monitoring)
  }

  status(): Promise<NodeStatus> {
    return this.client.get('status')
  }

  why(peer: string): Promise<ReputationReport> {
    return this.client.get('reputation/why', { query: { peer } })
  }

  readyz(): Promise<Answer> {
    return this.#ask('/readyz')
  }

  /** By name with its labels, as in `name{label="value"}`. */
  async metrics(): Promise<ReadonlyMap<string, number>> {
    const { body } = await this.#ask('/metrics')
    const lines = body.split('\n').filter(line => line !== '' && !line.startsWith('#'))
    return new Map(
      lines.map(line => {
        const at = line.lastIndexOf(' ')
        return [line.slice(0, at), Number(line.slice(at + 1))]
      }),
    )
  }

  /** Has it connect to a peer, which no limit on what comes in counts. */
  async connect(address: string): Promise<void> {
    await this.client.operate({ method: 'POST', path: 'peers', body: { address } })
  }

  /** The whole content of a file, fetched from others where it isn't here. */
  async cat(path: string, signal?: AbortSignal): Promise<Buffer> {
    const chunks: Uint8Array[] = []
    const options = { query: { path }, ...(signal && { signal }) }
    for await (const chunk of this.client.download('content/cat', options)) chunks.push(chunk)
    return Buffer.concat(chunks)
  }

  /** Keeps a path, with all that is beneath it. */
  async pin(path: string, signal?: AbortSignal): Promise<void> {
    await this.client.operate({ method: 'POST', path: 'pins', body: { path }, ...(signal && { signal }) })
  }

  /** Names in a directory, `limit` at most. */
  async list(
    path: string,
    { limit = 1000, signal }: { limit?: number; signal?: AbortSignal } = {},
  ): Promise<string[]> {
    const enough = new AbortController()
    const names: string[] = []
    const listing = this.client.operate<object, { name: string }>({
      method: 'GET',
      path: 'content/list',
      query: { path },
      signal: signal ? AbortSignal.any([signal, enough.signal]) : enough.signal,
      onItem({ name }) {
        names.push(name)
        if (names.length === limit) enough.abort()
      },
    })
    await listing.catch(error => {
      if (!enough.signal.aborted) throw error
    })
    return names
  }

  /** The tar archive of a path, `limit` bytes of it at most. Resolves with how many there were. */
  async export(
    path: string,
    { limit = Number.POSITIVE_INFINITY, signal }: { limit?: number; signal?: AbortSignal } = {},
  ): Promise<number> {
    let bytes = 0
    const options = { query: { path }, ...(signal && { signal }) }
    for await (const chunk of this.client.download('content/export', options)) {
      bytes += chunk.length
      if (bytes >= limit) break
    }
    return bytes
  }

  async #ask(path: string): Promise<Answer> {
    try {
      return await this.#askOnce(path)
    } catch (error) {
      // A connection that was quiet for a while may be closed at the very moment at which it is used again.
      if (error !== CLOSED_BEFORE) throw error
      return this.#askOnce(path)
    }
  }

  #askOnce(path: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const asked = request(new URL(path, this.monitoring), {
        agent: this.#agent,
        signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
      })
      asked.on('error', error => reject(asked.reusedSocket && isReset(error) ? CLOSED_BEFORE : error))
      asked.on('response', answer => {
        const chunks: Buffer[] = []
        answer.on('data', chunk => chunks.push(chunk))
        answer.on('error', reject)
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
        )
      })
      asked.end()
    })
  }
}

function isReset(error: Error): boolean {
  return 'code' in error && error.code === 'ECONNRESET'
}
