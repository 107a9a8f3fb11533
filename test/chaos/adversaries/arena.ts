import { readdir, readlink } from 'node:fs/promises'
import { createConnection, type Socket } from 'node:net'
import type { Libp2p } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import type { Libp2pOptions } from 'libp2p'
import type { Test } from 'tap'
import { PROTOCOL } from '../../../plugins/exchange/wire/codec.ts'
import { eventually } from '../../helpers/eventually.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'
import { startNode, startStockNode, type TestNode } from '../../unit/network/nodes.ts'
import type { Handler } from '../exchange/script.ts'
import type { Attack, AttackGroup, Honest, Verdict } from './attack.ts'
import { HonestPeer } from './honest-peer.ts'
import { leftovers } from './leftovers.ts'
import { Victim } from './victim.ts'
import { transferUntil, watch } from './watch.ts'

const MIB = 1024 * 1024

/**
 * What the node may take of memory, beside files that it maps. A Pi Zero 2 W has 512 MB, of which its unit gives skep 75 %,
 * with the pages of the store that it has in use. An idle node from source has about 100 MiB, and 16 MiB for transfers
 * (`memory.transferBytes` of the profile pi-zero); what V8 hasn't collected yet is the rest.
 */
const MEMORY_BUDGET_BYTES = 256 * MIB

/** How long an attack may take: twice the time limits of ten seconds that some of them sit out, and time for a busy machine. */
const ATTACK_LIMIT_MS = 40_000

/** Whoever keeps a processor busy is charged with that, where the machine is slow enough for it, whatever else it does. */
const BUSY = /of a busy processor$/

/** Lanes of honest peers come and go: two each way, and the connection of a command that has just ended. */
const SOCKET_SLACK = 5

/** Of the node's log, where it didn't stand an attack. */
const LOG_LINES = 20

/** What an attack has to work with: the node, and ways to come to it as somebody it has never seen. */
export interface Arena {
  readonly victim: Victim
  /** Whose transfers go on during the attack. */
  readonly honest: Honest
  /** A directory of its own. */
  readonly directory: string
  /** Aborts when the attack has taken too long. */
  readonly signal: AbortSignal
  /**
   * A node of our own kind with a new identity, connected to the victim unless told otherwise. An offender. It serves blocks with
   * `serve` before it is connected: whoever speaks no protocol of blocks then is asked again only after a pause. What it serves, it
   * serves to everybody.
   */
  peer(options?: { connect?: boolean; serve?: Handler }): Promise<TestNode>
  /** A js-libp2p node as others make it, with a new identity, at a loopback address of its own; it has to dial. An offender. */
  stock(options?: Libp2pOptions): Promise<Libp2p>
  /** A TCP connection to the victim's port for peers, from `from` or a loopback address that nobody has used. */
  socket(from?: string): Promise<Socket>
  /** A connection to the victim's control socket. */
  control(): Promise<Socket>
  /** A TCP connection to the victim's monitoring. */
  http(): Promise<Socket>
  /** An address of 127.0.0.0/8 that nobody has used: limits by host count each anew. */
  loopback(): string
  /** The verdict is about this peer, too. */
  offender(peer: string): void
  /** Calls `end` after the attack. */
  teardown(end: () => unknown): void
}

/** Starts a node, lets `group` attack it, and judges it after each attack. */
export async function tryAttacks(
  t: Test,
  { settings, meet = HonestPeer.meet, attacks }: AttackGroup,
): Promise<void> {
  const victim = await Victim.start(t, settings)
  const honest = await meet(t, victim)
  // Whatever is loaded or allocated the first time is no attacker's doing.
  await honest.transfer()
  for (const attack of attacks) await t.test(attack.name, t => tryAttack(t, victim, honest, attack))
}

async function tryAttack(t: Test, victim: Victim, honest: Honest, attack: Attack): Promise<void> {
  const ends: (() => unknown)[] = []
  const offenders = new Set<string>()
  const stop = new AbortController()
  const limit = AbortSignal.timeout(ATTACK_LIMIT_MS)
  const arena = await createArena(t, { victim, honest, ends, offenders, signal: limit })
  const before = { sockets: await socketsOf(victim.pid), metrics: await victim.metrics() }

  const transfers = transferUntil(honest, stop.signal)
  const observations = watch(victim, stop.signal)
  try {
    await attack.run(arena)
    t.notOk(limit.aborted, 'the attack was over in time')
    await judge(t, victim, attack.verdict, [...offenders], before.metrics)
  } catch (error) {
    t.fail('the node stands it', { found: error, log: victim.process.log.slice(-LOG_LINES) })
  } finally {
    for (const end of ends.reverse()) await end()
    stop.abort()
  }

  const { done, failures } = await transfers
  t.same(failures, [], 'no transfer of an honest peer fails')
  t.ok(done > 0, `${done} transfers of an honest peer finish`)
  const { ready, unready, peakAnonymousBytes } = await observations
  t.same(unready, [], 'it is ready whenever asked')
  t.ok(ready > 0, `asked ${ready} times`)
  const peak = `${(peakAnonymousBytes / MIB).toFixed(0)} MiB`
  t.ok(peakAnonymousBytes <= MEMORY_BUDGET_BYTES, `its memory stays within the budget: ${peak}`)
  let left: readonly string[] = []
  await eventually('the end of all that the attack took', async () => {
    const open = await socketsOf(victim.pid)
    left = await leftovers(victim, before.metrics)
    if (open > before.sockets + SOCKET_SLACK) left = [...left, `${open} sockets, ${before.sockets} before`]
    return left.length === 0 || undefined
  }).catch(() => {})
  t.same(left, [], 'nothing of it stays')
}

/** Whether what came of the attack is what it says. */
async function judge(
  t: Test,
  victim: Victim,
  verdict: Verdict,
  offenders: readonly string[],
  before: ReadonlyMap<string, number>,
): Promise<void> {
  if ('refused' in verdict) {
    const { refused } = verdict
    const grown = async () => ((await victim.metrics()).get(refused) ?? 0) - (before.get(refused) ?? 0)
    t.ok(await grown(), `${refused} has grown`)
  }
  if ('charged' in verdict) {
    const { charged, banned } = verdict
    t.ok(offenders.length > 0, 'there is somebody to charge')
    for (const peer of offenders) {
      const report = await eventually(`evidence against ${peer}`, async () => {
        const now = await victim.why(peer)
        const isCharged = now.evidence.some(({ kind, weight }) => kind === charged && weight > 0)
        return isCharged && (!banned || now.ban) ? now : undefined
      })
      t.equal(report.ban !== undefined, banned, banned ? 'it is banned' : 'it is charged, not banned')
    }
    return
  }
  for (const peer of offenders) {
    const { evidence } = await victim.why(peer)
    t.same(
      evidence.filter(({ detail }) => !BUSY.test(detail)),
      [],
      'nobody is charged',
    )
  }
}

interface Parts extends Pick<Arena, 'victim' | 'honest' | 'signal'> {
  readonly ends: (() => unknown)[]
  readonly offenders: Set<string>
}

async function createArena(t: Test, { victim, honest, ends, offenders, signal }: Parts): Promise<Arena> {
  const scope = { teardown: (end: () => unknown) => void ends.push(end) }
  const opened = async (socket: Socket): Promise<Socket> => {
    ends.push(() => socket.destroy())
    // A node that hangs up is what most attacks are about.
    socket.on('error', () => {})
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return socket
  }
  return {
    victim,
    honest,
    signal,
    directory: await temporaryDirectory(t),
    async peer({ connect = true, serve } = {}) {
      const node = await startNode(scope, { trusts: () => true })
      offenders.add(node.port.self.toString())
      if (serve) await node.port.handle(PROTOCOL, serve)
      if (connect) await victim.connect(String(node.port.addresses()[0]))
      return node
    },
    async stock(options = {}) {
      // Passed on as it is, which the type doesn't say.
      const dialOpts = { noDelay: true, localAddress: freshLoopback() }
      const transports = [tcp({ dialOpts })]
      const node = await startStockNode(scope as Test, { transports, ...options })
      offenders.add(node.peerId.toString())
      return node
    },
    socket: (from = freshLoopback()) =>
      opened(createConnection({ host: '127.0.0.1', port: victim.port, localAddress: from })),
    control: () => opened(createConnection(victim.socketPath)),
    http: () =>
      opened(createConnection({ host: victim.monitoring.hostname, port: Number(victim.monitoring.port) })),
    loopback: freshLoopback,
    offender: peer => void offenders.add(peer),
    teardown: scope.teardown,
  }
}

let loopbacks = 0

function freshLoopback(): string {
  loopbacks++
  return `127.1.${loopbacks >> 8}.${loopbacks & 255}`
}

/** Sockets that a process has open, of any kind. */
async function socketsOf(pid: number): Promise<number> {
  const directory = `/proc/${pid}/fd`
  const targets = await Promise.all(
    (await readdir(directory)).map(fd => readlink(`${directory}/${fd}`).catch(() => '')),
  )
  return targets.filter(target => target.startsWith('socket:')).length
}
