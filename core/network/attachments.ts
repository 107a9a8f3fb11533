import {
  isStartable,
  type PeerDiscovery,
  type PeerId,
  type PeerInfo,
  type PeerRouting,
  peerDiscoverySymbol,
  peerRoutingSymbol,
  type RoutingOptions,
} from '@libp2p/interface'
import type { Logger } from '../logger.ts'
import { networkError } from './errors.ts'
import type { Components } from './libp2p.ts'
import type { AttachOptions } from './network-port.ts'
import { type ServiceTable, tabled } from './services.ts'

/** What a libp2p service says it can do beside its own. */
interface Capabilities {
  readonly [peerDiscoverySymbol]?: PeerDiscovery
  readonly [peerRoutingSymbol]?: Partial<PeerRouting>
}

interface Attachment {
  readonly owner: string
  readonly service: object
  /** Undoes what attaching did, last first. */
  readonly undo: (() => void)[]
}

export interface AttachmentsDependencies {
  components(): Components
  /** Takes in the protocols that services handle. */
  readonly table: ServiceTable
  readonly router: LateRouter
  readonly log: Logger
}

/** libp2p services that joined the live node. What one throws stays with whoever attached it. */
export class Attachments {
  readonly #deps: AttachmentsDependencies
  readonly #attached = new Map<string, Attachment>()

  constructor(deps: AttachmentsDependencies) {
    this.#deps = deps
  }

  async attach<T extends object>(
    owner: string,
    name: string,
    factory: (components: never) => T,
    options: AttachOptions = {},
  ): Promise<T> {
    const taken = this.#attached.get(name)
    if (taken) throw networkError('NAME_TAKEN', `service ${name} is already attached by ${taken.owner}`)
    const parts = tabled(this.#deps.components(), this.#deps.table, owner)
    const service = factory(parts as never)
    const attachment: Attachment = { owner, service, undo: [] }
    this.#attached.set(name, attachment)
    try {
      this.#connect(attachment, options)
      if (isStartable(service)) {
        await service.beforeStart?.()
        await service.start()
        await service.afterStart?.()
      }
    } catch (error) {
      await this.detach(name)
      throw error
    }
    return service
  }

  /** Idempotent. A service that fails to stop is logged and gone all the same. */
  async detach(name: string): Promise<void> {
    const attachment = this.#attached.get(name)
    if (!attachment) return
    this.#attached.delete(name)
    const { service, undo } = attachment
    for (const step of undo.reverse()) step()
    if (!isStartable(service)) return
    try {
      await service.beforeStop?.()
      await service.stop()
      await service.afterStop?.()
    } catch (error) {
      this.#deps.log.warn({ err: error, service: name }, 'attached service failed to stop')
    }
  }

  /** Detaches all of `owner`, last first. */
  async release(owner: string): Promise<void> {
    const names = [...this.#attached]
      .filter(([, attachment]) => attachment.owner === owner)
      .map(([name]) => name)
    for (const name of names.reverse()) await this.detach(name)
  }

  async releaseAll(): Promise<void> {
    for (const name of [...this.#attached.keys()].reverse()) await this.detach(name)
  }

  #connect({ service, undo }: Attachment, { onPeer }: AttachOptions): void {
    const { [peerDiscoverySymbol]: discovery, [peerRoutingSymbol]: router } = service as Capabilities
    if (discovery) {
      const onFound = ({ detail }: CustomEvent<PeerInfo>): void => void this.#found(detail, onPeer)
      discovery.addEventListener('peer', onFound)
      undo.push(() => discovery.removeEventListener('peer', onFound))
    }
    if (router) undo.push(this.#deps.router.add(router))
  }

  async #found({ id, multiaddrs }: PeerInfo, onPeer: AttachOptions['onPeer']): Promise<void> {
    const { peerId, peerStore } = this.#deps.components()
    if (id.equals(peerId)) return
    try {
      await peerStore.merge(id, { multiaddrs })
      onPeer?.(id, multiaddrs)
    } catch (error) {
      this.#deps.log.warn({ err: error, peer: id.toString() }, 'a discovered peer could not be taken in')
    }
  }
}

/** libp2p's peer router, made of whatever routers are attached at the time. */
export class LateRouter implements PeerRouting {
  readonly #routers = new Set<Partial<PeerRouting>>()

  add(router: Partial<PeerRouting>): () => void {
    this.#routers.add(router)
    return () => this.#routers.delete(router)
  }

  async findPeer(peer: PeerId, options?: RoutingOptions): Promise<PeerInfo> {
    const asked = [...this.#routers].map(async router => {
      if (!router.findPeer) throw new TypeError('router finds no peers')
      return router.findPeer(peer, options)
    })
    return Promise.any(asked)
  }

  async *getClosestPeers(key: Uint8Array, options?: RoutingOptions): AsyncIterable<PeerInfo> {
    for (const router of this.#routers) {
      if (router.getClosestPeers) yield* router.getClosestPeers(key, options)
    }
  }
}
