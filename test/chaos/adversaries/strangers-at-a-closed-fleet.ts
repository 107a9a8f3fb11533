import { generateKeyPair } from '@libp2p/crypto/keys'
import { multiaddr } from '@multiformats/multiaddr'
import { eventually } from '../../helpers/eventually.ts'
import { connectRaw } from '../../helpers/raw/raw-peer.ts'
import type { Attack } from './attack.ts'
import { kept, placeOf, within } from './raw-offender.ts'

const STRANGERS = 12
const SOON_MS = 3000

export const attack: Attack = {
  name: 'strangers at a closed fleet',
  what: `${STRANGERS} strangers with whole libp2p stacks connect, and ask who the node is and what it speaks`,
  limit: '`fleet.mode: closed`: the key is looked at before there is a muxer',
  result: 'Refused; they learn the peer id and that something answers',
  verdict: { refused: 'skep_network_refused_connections_total{reason="fleet"}' },
  async run(arena) {
    for (let at = 0; at < STRANGERS; at++) {
      const muxer = await connectRaw(placeOf(arena), { key: await generateKeyPair('Ed25519') })
      kept(arena, muxer.wire)
      const stream = muxer.open()
      stream.ask('ls')
      await within('a stranger is hung up on', SOON_MS, muxer.gone)
      if (stream.receivedBytes > 0) throw new Error(`it was told ${stream.receivedBytes} bytes`)
    }
    const stock = await arena.stock()
    const identified: string[] = []
    stock.addEventListener('peer:identify', ({ detail }) => identified.push(...detail.protocols))
    const addresses = arena.victim.process.ready.addresses.map(text => multiaddr(text))
    // Whether it is told at once or a moment later is libp2p's business.
    await stock.dial(addresses).catch(() => {})
    await eventually('the end of its connection', () => stock.getConnections().length === 0 || undefined)
    if (identified.length > 0) throw new Error(`a stranger knows that the node speaks ${identified}`)
  },
}
