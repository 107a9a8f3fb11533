import t, { type Test } from 'tap'
import { type BridgedHost, createBridge } from '../helpers/bridge.ts'
import { MeshProcess } from '../helpers/mesh-process.ts'
import { namespacesMissing } from '../helpers/namespace.ts'
import type { MeshState } from './mesh-node.ts'

const PER_SECOND = 2

/** As shipped, but that peers are asked sooner whether they are there, and that fewer dials are a storm. */
const OPTIONS = {
  listen: ['/ip4/0.0.0.0/tcp/0'],
  probeAfterMs: 2000,
  config: {
    mdns: { enabled: true },
    dial: { jitterMs: 500, minBackoffMs: 5000, perSecond: PER_SECOND },
  },
}

const isWhole = ({ peers }: MeshState): boolean => Object.keys(peers).length === 2
const isAlone = ({ peers }: MeshState): boolean => Object.keys(peers).length === 0
const isWithout = ({ peers }: MeshState): boolean => Object.keys(peers).length === 1

/** Three nodes on a bridge, all connected. */
class Mesh implements AsyncDisposable {
  readonly hosts: readonly BridgedHost[]
  readonly nodes: readonly MeshProcess[]
  readonly #dispose: () => PromiseLike<void>
  readonly #startedMs = performance.now()

  private constructor(hosts: readonly BridgedHost[], dispose: () => PromiseLike<void>) {
    this.hosts = hosts
    this.nodes = hosts.map(({ namespace }) => new MeshProcess(namespace, OPTIONS))
    this.#dispose = dispose
  }

  static async create(): Promise<Mesh> {
    const bridge = await createBridge(3)
    const mesh = new Mesh(bridge.hosts, () => bridge[Symbol.asyncDispose]())
    await mesh.whole()
    return mesh
  }

  whole(): Promise<unknown> {
    return Promise.all(this.nodes.map(node => node.reaches('all connected', isWhole)))
  }

  /** Dials of each node, and the most that it may have begun by now. */
  dials(): { counts: number[]; most: number } {
    const seconds = (performance.now() - this.#startedMs) / 1000
    return { counts: this.nodes.map(({ state }) => state?.dials ?? 0), most: seconds * PER_SECOND }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map(node => node.end()))
    await this.#dispose()
  }
}

function keepsToTheCaps(t: Test, mesh: Mesh): void {
  const { counts, most } = mesh.dials()
  for (const count of counts) t.ok(count <= most, `${count} dials, at most ${most.toFixed(0)}`)
}

t.test(
  'where the way to others is lost the mesh is whole again without a restart',
  { skip: await namespacesMissing() },
  async t => {
    // They mostly wait.
    t.jobs = 3
    t.test('a cable pulled and plugged in', async t => {
      await using mesh = await Mesh.create()
      const [cut, ...others] = mesh.nodes
      const [host] = mesh.hosts
      await host?.setLink('down')
      await Promise.all([
        cut?.reaches('nobody', isAlone),
        ...others.map(node => node.reaches('the loss', isWithout)),
      ])
      await host?.setLink('up')
      await mesh.whole()
      keepsToTheCaps(t, mesh)
    })

    t.test('a host gets another address', async t => {
      await using mesh = await Mesh.create()
      const [moved, ...others] = mesh.nodes
      const [host] = mesh.hosts
      if (!host || !moved) throw new Error('three hosts')
      const before = host.address
      await host.move('10.77.0.99')
      await Promise.all(
        others.map(node =>
          node.reaches(
            'the new address',
            ({ peers, hosts }) =>
              Object.keys(peers).length === 2 && hosts.includes(host.address) && !hosts.includes(before),
          ),
        ),
      )
      await mesh.whole()
      keepsToTheCaps(t, mesh)
    })

    t.test('a host sleeps for longer than others wait for an answer, and wakes', async t => {
      await using mesh = await Mesh.create()
      const [sleeper, ...others] = mesh.nodes
      sleeper?.signal('SIGSTOP')
      await Promise.all(others.map(node => node.reaches('the loss', isWithout)))
      sleeper?.signal('SIGCONT')
      await mesh.whole()
      await Promise.all(others.map(node => node.reaches('its return', isWhole)))
      keepsToTheCaps(t, mesh)
    })
  },
)
