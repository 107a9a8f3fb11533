import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import multicastDns, {
  type MulticastDNS,
  type QueryPacket,
  type ResponseOutgoingPacket,
  type ResponsePacket,
} from 'multicast-dns'
import type { MulticastInterface } from './interfaces.ts'
import { isPlausible } from './packets.ts'

/** https://www.rfc-editor.org/rfc/rfc6762#section-3 */
const GROUP = '224.0.0.251'
const PORT = 5353
/** Packets from further away are none of a neighbour's. */
const TTL = 255

export interface MulticastHandlers {
  /** `from`: the IPv4 address of the sender. */
  onQuery(packet: QueryPacket, from: string): void
  onResponse(packet: ResponsePacket, from: string): void
  onTrouble(error: Error): void
}

/**
 * One UDP socket for all networks of the machine: it hears what arrives on each that it joined, and sends on one at a time.
 * A socket for each would hear every packet as often as there are sockets.
 */
export class MulticastSocket implements AsyncDisposable {
  readonly #socket: Socket
  readonly #mdns: MulticastDNS
  /** Settles when what was sent before is out: the network to send on is a setting of the socket. */
  #sent: Promise<unknown> = Promise.resolve()

  private constructor(socket: Socket, mdns: MulticastDNS) {
    this.#socket = socket
    this.#mdns = mdns
  }

  /** Binds the port. Rejects with what the system says. */
  static async open({ onQuery, onResponse, onTrouble }: MulticastHandlers): Promise<MulticastSocket> {
    const socket = createSocket({ type: 'udp4', reuseAddr: true })
    const mdns = multicastDns({ socket, bind: '0.0.0.0', port: PORT, ip: GROUP, multicast: false })
    passPlausible(socket)
    mdns.on('query', (packet, { address }) => onQuery(packet, address))
    mdns.on('response', (packet, { address }) => onResponse(packet, address))
    // The library tells of one error more than once.
    mdns.on('error', onTrouble)
    const opened = new MulticastSocket(socket, mdns)
    try {
      await once(mdns, 'ready')
    } catch (error) {
      await opened[Symbol.asyncDispose]()
      throw error
    }
    socket.setMulticastTTL(TTL)
    socket.setMulticastLoopback(true)
    return opened
  }

  /**
   * Hears what is sent on that network from now on. To be called again when networks changed: one that went and came back is
   * another to the system. Throws what the system says.
   */
  join({ address }: MulticastInterface): void {
    try {
      this.#socket.addMembership(GROUP, address)
    } catch (error) {
      // It is a member already.
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    }
  }

  query(serviceTags: readonly string[], on: MulticastInterface): Promise<void> {
    const questions = serviceTags.map(name => ({ name, type: 'PTR' as const }))
    return this.#send(on, done => this.#mdns.query(questions, done))
  }

  respond(answer: ResponseOutgoingPacket, on: MulticastInterface): Promise<void> {
    return this.#send(on, done => this.#mdns.respond(answer, done))
  }

  /** Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>(resolve => this.#mdns.destroy(resolve))
  }

  #send(
    { address }: MulticastInterface,
    send: (done: (error?: Error | null) => void) => void,
  ): Promise<void> {
    const sent = this.#sent.then(() => {
      this.#socket.setMulticastInterface(address)
      return new Promise<void>((resolve, reject) => {
        send(error => (error ? reject(error) : resolve()))
      })
    })
    this.#sent = sent.catch(() => {})
    return sent
  }
}

/** Has those that hear messages on `socket` hear no others than {@link isPlausible} ones. */
function passPlausible(socket: Socket): void {
  const listeners = socket.listeners('message')
  socket.removeAllListeners('message')
  socket.on('message', (message, from) => {
    if (!isPlausible(message)) return
    for (const listener of listeners) listener.call(socket, message, from)
  })
}
