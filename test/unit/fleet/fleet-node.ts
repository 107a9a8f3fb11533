import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import type { Test } from 'tap'
import { FleetNode, type FleetOptions } from '../../../core/fleet/fleet.ts'
import { createSigner } from '../../../core/fleet/keys.ts'
import { Membership } from '../../../core/fleet/membership.ts'
import { OwnerKeyFile } from '../../../core/fleet/owner-key.ts'
import { silentLogger } from '../../../core/logger.ts'
import { MemoryStore } from '../../../core/storage/memory-store.ts'
import type { KeyValueStore } from '../../../core/storage/storage.ts'
import { eventually } from '../../helpers/eventually.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'
import { createNode, type TestNode } from '../network/nodes.ts'

export interface FleetTestNode extends TestNode {
  readonly fleet: FleetNode
  readonly membership: Membership
  readonly directory: string
  readonly id: string
  connect(other: FleetTestNode): Promise<void>
  /** Resolves once it has just these peers. */
  hasOnly(...others: FleetTestNode[]): Promise<void>
  /** Resolves once its roster has just these members, itself among them where it is one. */
  knows(...members: FleetTestNode[]): Promise<void>
  join(invite: string): Promise<void>
  stop(): Promise<void>
}

export interface FleetTestOptions extends Partial<FleetOptions> {
  readonly privateKey?: PrivateKey
  /** Of a private network. Default: none. */
  readonly swarmKey?: Uint8Array
  readonly store?: KeyValueStore
  readonly directory?: string
  readonly wallMs?: () => number
}

/** A real node of a network, with a fleet as a whole node has it. Closed unless told otherwise. */
export async function startFleetNode(t: Test, options: FleetTestOptions = {}): Promise<FleetTestNode> {
  const {
    mode = 'closed',
    inviteFile,
    privateKey = await generateKeyPair('Ed25519'),
    store = new MemoryStore('vault'),
    directory = await temporaryDirectory(t),
    wallMs = Date.now,
  } = options
  const ownerKey = new OwnerKeyFile(directory)
  const owner = await ownerKey.read()
  const self = createSigner(privateKey)
  const membership = new Membership({
    store,
    signers: { self, owner: owner && createSigner(owner) },
    wallMs,
    nowMs: () => performance.now(),
  })
  const { swarmKey } = options
  const node = await createNode(t, {
    privateKey,
    ...(swarmKey && { swarmKey }),
    trusts: (peer, trust) => membership.trusts(peer, trust),
  })
  const { network, peers, events } = node
  const port = network.port('fleet').port
  const fleet = new FleetNode(
    { mode, inviteFile },
    { membership, ownerKey, network: port, doors: network.doors, peers, events, log: silentLogger, wallMs },
  )
  await network.start()
  await fleet.start()
  network.openGate()
  const stop = async (): Promise<void> => {
    await fleet.stop()
    await network.stop()
  }
  t.teardown(stop)
  const sortedIds = (nodes: readonly FleetTestNode[]): string =>
    nodes
      .map(({ id }) => id)
      .sort()
      .join()
  return {
    ...node,
    fleet,
    membership,
    directory,
    id: self.id,
    async connect(other) {
      await port.dial(other.port.addresses())
    },
    async hasOnly(...others) {
      await eventually(`${others.length} peers`, () =>
        port.connectedPeers().map(String).sort().join() === sortedIds(others) ? true : undefined,
      )
    },
    async knows(...members) {
      await eventually(`${members.length} members`, () =>
        [...(membership.roster?.members.keys() ?? [])].sort().join() === sortedIds(members)
          ? true
          : undefined,
      )
    },
    async join(invite) {
      await fleet.join(invite, { signal: AbortSignal.timeout(20_000) })
    },
    stop,
  }
}

export async function invite({ fleet }: FleetTestNode): Promise<string> {
  return (await fleet.invite({ expiresInMs: 60_000 })).invite
}
