import { join } from 'node:path'
import { Writable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import type { Test } from 'tap'
import { type Client, createClient } from '../../../core/cli/client.ts'
import { RemoteBoards } from '../../../core/control/remote-boards.ts'
import { RemoteEntrance } from '../../../core/control/remote-entrance.ts'
import { remoteRoutes } from '../../../core/control/remote-route.ts'
import { type ControlServer, createControl } from '../../../core/control/server.ts'
import type { Fleet } from '../../../core/services/fleet.ts'
import { type FleetTestNode, startFleetNode } from '../fleet/fleet-node.ts'

export interface Board {
  readonly node: FleetTestNode
  readonly control: ControlServer
  readonly boards: RemoteBoards
  readonly socketPath: string
  /** What was logged, oldest first. */
  readonly log: readonly Readonly<Record<string, unknown>>[]
  /** This board's own control API, or that of the member `name`. */
  client(name?: string): Client
  /** Ends as a whole node does. Idempotent. */
  leave(): Promise<void>
}

interface BoardOptions {
  /** Adds routes that this board answers. */
  routes?(app: FastifyInstance): void
  /** False: it speaks the fleet's protocols, and none to be run by. */
  readonly canBeRun?: boolean
  /** What the board takes itself and others for; by default what its roster says. */
  readonly isOperator?: Fleet['isOperator']
}

/** A member of a fleet with its control API, as a whole node has them. */
export async function startBoard(
  t: Test,
  { routes = () => {}, canBeRun = true, isOperator }: BoardOptions = {},
): Promise<Board> {
  const node = await startFleetNode(t, { mode: 'open' })
  const { network, fleet, events, directory } = node
  const lines: Record<string, unknown>[] = []
  const sink = new Writable({
    write(line, _encoding, done) {
      lines.push(JSON.parse(String(line)))
      done()
    },
  })
  const log = pino({ level: 'debug' }, sink)
  const socketPath = join(directory, 'skep.sock')
  const control = createControl({ socketPath }, { log })
  const port = network.port('control').port
  const entrance = new RemoteEntrance({ control, network: port, fleet, events, log })
  const boards = new RemoteBoards({
    network: port,
    fleet: { member: who => fleet.member(who), isOperator: isOperator ?? (peer => fleet.isOperator(peer)) },
    entrance,
    nowMs: () => performance.now(),
  })
  control.routes(remoteRoutes(boards))
  control.routes(routes)
  await control.listen()
  if (canBeRun) await entrance.start()
  const leave = async (): Promise<void> => {
    await control.close()
    await entrance.stop()
    await node.stop()
  }
  t.teardown(leave)
  const client = (name?: string): Client => createClient(socketPath, name)
  return { node, control, boards, socketPath, log: lines, client, leave }
}

/** The first one makes the fleet, and has its key; the others are in it by the names `board-1`, `board-2`, … */
export async function startFleet<B extends readonly Board[]>(...all: B): Promise<B> {
  const [owner, ...others] = all.map(({ node }) => node)
  if (!owner) throw new Error('a fleet has a first board')
  await owner.fleet.create('home', 'board-0')
  const joinedMs = Date.now()
  const adds = others.map(
    ({ id: peer }, at) => ({ kind: 'add', peer, name: `board-${at + 1}`, joinedMs }) as const,
  )
  await owner.membership.edit(...adds)
  const { signed } = owner.membership
  if (!signed) throw new Error('it is in a fleet')
  for (const node of others) {
    await node.membership.enter(signed.bytes, signed.head.owner)
  }
  for (const [at, { node }] of all.entries())
    for (const other of all.slice(0, at)) await node.connect(other.node)
  const nodes = all.map(({ node }) => node)
  for (const node of nodes) await node.hasOnly(...nodes.filter(other => other !== node))
  return all
}
