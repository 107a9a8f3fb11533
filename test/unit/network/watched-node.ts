import { startNode } from './nodes.ts'

// A node on all interfaces that looks after itself often, in a process of its own, since a namespace belongs to a process. It
// tells each event as a line of JSON on stdout, and ends when its stdin does.

const PERIOD_MS = 100

const ends: (() => unknown)[] = []
const { network, events } = await startNode(
  { teardown: end => ends.push(end) },
  {
    listen: ['/ip4/0.0.0.0/tcp/0'],
    surroundings: {
      every(_periodMs, run) {
        const timer = setInterval(run, PERIOD_MS)
        return () => clearInterval(timer)
      },
    },
  },
)
const tell = (event: string, payload: object): void => console.log(JSON.stringify({ event, ...payload }))
events.on('network:changed', payload => tell('network:changed', payload))
events.on('network:addresses', payload => tell('network:addresses', payload))
tell('started', { addresses: network.status().announced })
process.stdin.resume().on('end', async () => {
  for (const end of ends) await end()
})
