import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** `up`: what the dialer sends; `down`: what it gets. */
export type Direction = 'up' | 'down'

/** One TCP connection passed on to 127.0.0.1, whose bytes a test can look at, hold back, or cut. */
export interface Relay {
  readonly port: number
  /** All bytes that have come that way, held ones too. */
  seen(direction: Direction): Buffer
  /** From now on what comes that way stays here. */
  hold(direction: Direction): void
  /** Sends what is held in one piece, and goes on holding. */
  flush(direction: Direction): void
  /** Sends what is held in one piece, and lets the rest through. */
  release(direction: Direction): void
  /** Resolves once so many bytes have come that way since the beginning. */
  arrived(direction: Direction, bytes: number): Promise<void>
  /** Ends both sides with an RST. */
  reset(): void
}

interface RelayOptions {
  readonly to: number
  /** So many bytes of the way down are for nobody: the dialer doesn't wait for them. */
  readonly dropDown?: number
}

interface Lane {
  readonly seen: Buffer[]
  held: Buffer[]
  holding: boolean
  target?: Socket
}

export async function startRelay(
  t: { teardown(end: () => unknown): void },
  { to, dropDown = 0 }: RelayOptions,
): Promise<Relay> {
  const lanes: Record<Direction, Lane> = {
    up: { seen: [], held: [], holding: false },
    down: { seen: [], held: [], holding: false },
  }
  const waiting = new Set<() => void>()
  const sockets: Socket[] = []
  let leftToDrop = dropDown

  const seen = (direction: Direction): Buffer => Buffer.concat(lanes[direction].seen)

  const pass = (from: Socket, direction: Direction, target: Socket): void => {
    const lane = lanes[direction]
    lane.target = target
    from.on('data', data => {
      lane.seen.push(data)
      const dropped = direction === 'down' ? Math.min(leftToDrop, data.length) : 0
      leftToDrop -= dropped
      lane.held.push(data.subarray(dropped))
      if (!lane.holding && !flush(direction)) {
        from.pause()
        target.once('drain', () => from.resume())
      }
      for (const look of waiting) look()
    })
    from.on('end', () => target.end())
    from.on('error', () => target.resetAndDestroy())
  }

  const flush = (direction: Direction): boolean => {
    const lane = lanes[direction]
    const bytes = Buffer.concat(lane.held)
    lane.held = []
    return bytes.length === 0 || lane.target?.write(bytes) !== false
  }

  const server = createServer({ allowHalfOpen: true }, dialer => {
    const target = connect({ host: '127.0.0.1', port: to, allowHalfOpen: true })
    sockets.push(dialer, target)
    for (const socket of [dialer, target]) socket.setNoDelay(true)
    pass(dialer, 'up', target)
    pass(target, 'down', dialer)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })

  return {
    port: (server.address() as AddressInfo).port,
    seen,
    hold: direction => {
      lanes[direction].holding = true
    },
    flush,
    release(direction) {
      lanes[direction].holding = false
      flush(direction)
    },
    arrived: (direction, bytes) =>
      new Promise(resolve => {
        const look = (): void => {
          if (lanes[direction].seen.reduce((sum, { length }) => sum + length, 0) < bytes) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
    reset: () => sockets.forEach(socket => void socket.resetAndDestroy()),
  }
}
