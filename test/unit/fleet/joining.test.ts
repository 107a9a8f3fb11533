import { connect } from 'node:tls'
import { multiaddr } from '@multiformats/multiaddr'
import t, { type Test } from 'tap'
import { formatInvite, newSeed, parseInvite, prove, signerOf } from '../../../core/fleet/invite.ts'
import { keyOf } from '../../../core/fleet/keys.ts'
import { JoinRequest, JoinResponse } from '../../../core/fleet/wire/fleet.js'
import { PipeChannel } from '../../../core/network/channel.ts'
import { eventually } from '../../helpers/eventually.ts'
import { portOf, startStockNode } from '../network/nodes.ts'
import { type FleetTestNode, invite, startFleetNode } from './fleet-node.ts'

const ALPN = 'skep-join/1'

async function startDesk(t: Test): Promise<FleetTestNode> {
  const desk = await startFleetNode(t)
  await desk.fleet.create('home', 'desk')
  return desk
}

/** What a desk answers to `request` from `node`, whatever that is; undefined where it hangs up. */
async function ask(
  node: FleetTestNode,
  desk: FleetTestNode,
  request: Uint8Array,
): Promise<JoinResponse | undefined> {
  const signal = AbortSignal.timeout(20_000)
  const place = { host: '127.0.0.1', port: portOf(desk) }
  const { socket, pipe } = await node.network.doors.knock(ALPN, desk.port.self, place, signal)
  t.teardown(() => socket.destroy())
  const channel = new PipeChannel(
    { protocol: ALPN, maxMessageBytes: 1 << 20, idleTimeoutMs: 20_000 },
    { peer: desk.port.self, pipe, report() {} },
  )
  await channel.write(request)
  const bytes = await channel.read({ signal }).catch(() => undefined)
  return bytes && JoinResponse.decode(bytes)
}

t.test('what an invite proves is that of one joiner at one host', async t => {
  const [desk, thief, other] = [await startDesk(t), await startFleetNode(t), await startDesk(t)]
  const text = await invite(desk)
  await invite(other)
  const { owner, host, seed } = parseInvite(text)
  const signer = await signerOf({ seed })
  const requestOf = (joiner: string, claimedHost = host) =>
    JoinRequest.encode({
      invite: keyOf(signer.id),
      name: 'x',
      proof: prove(signer, { owner, host: claimedHost, joiner }),
    })
  const victim = await startFleetNode(t)
  const heard = requestOf(victim.id)
  t.match(await ask(thief, desk, heard), { refusal: '', roster: { byteLength: 0 } }, 'replayed by another')
  t.match(await ask(victim, other, heard), { roster: { byteLength: 0 } }, 'shown to another fleet')
  t.match(await ask(victim, desk, requestOf(victim.id, other.id)), { roster: { byteLength: 0 } })
  const guess = await signerOf({ seed: newSeed() })
  const guessed = JoinRequest.encode({
    invite: keyOf(guess.id),
    name: 'x',
    proof: prove(guess, { owner, host, joiner: thief.id }),
  })
  t.match(await ask(thief, desk, guessed), { roster: { byteLength: 0 } }, 'a guess')
  t.equal(await ask(thief, desk, Buffer.from('nonsense')), undefined)
  t.equal(await ask(thief, desk, new Uint8Array(4096)), undefined, 'more than a request can have')
  t.equal(desk.membership.roster?.members.size, 1, 'nobody came in')
  t.ok((await ask(victim, desk, heard))?.roster.byteLength, 'and the invite is still good')
  t.ok((await ask(victim, desk, heard))?.roster.byteLength, 'whose answer was lost asks again')
  t.equal(desk.membership.roster?.members.size, 2)
  t.match(await ask(thief, desk, requestOf(thief.id)), { roster: { byteLength: 0 } }, 'a second board')
})

t.test('the secret goes to nobody but the node that made the invite', async t => {
  const [desk, impostor, board] = [await startDesk(t), await startDesk(t), await startFleetNode(t)]
  await invite(impostor)
  const real = parseInvite(await invite(desk))
  const there = multiaddr(`/ip4/127.0.0.1/tcp/${portOf(impostor)}`)
  await t.rejects(board.join(formatInvite({ ...real, addresses: [there] })), { code: 'INVITER_UNREACHABLE' })
  await board.join(formatInvite({ ...real, addresses: [there, ...real.addresses] }))
  await t.rejects(desk.join(await invite(impostor)), { code: 'FLEET_ALREADY' })
  t.equal(impostor.membership.roster?.members.size, 1)
})

t.test('without an invite there is no door', async t => {
  const [desk, board] = [await startDesk(t), await startFleetNode(t)]
  const text = await invite(desk)
  t.equal(await desk.fleet.cancelInvites(), 1)
  await t.rejects(board.join(text), { code: 'INVITER_UNREACHABLE' })
  const member = await startFleetNode(t)
  await member.join(await invite(desk))
  await desk.fleet.cancelInvites()
  await t.rejects(member.fleet.invite({ expiresInMs: 1000 }), { code: 'NOT_OPERATOR' })
})

t.test('an operator whose delegation ended lets nobody in', async t => {
  const [desk, kitchen, board] = [await startDesk(t), await startFleetNode(t), await startFleetNode(t)]
  await kitchen.join(await invite(desk))
  await kitchen.knows(desk, kitchen)
  await desk.fleet.delegate(kitchen.id)
  await eventually('the delegation', () => kitchen.membership.canEdit || undefined)
  const text = await invite(kitchen)
  await desk.fleet.revoke(kitchen.id)
  await eventually('its end', () => !kitchen.membership.canEdit || undefined)
  await t.rejects(board.join(text), { code: 'INVITER_UNREACHABLE' })
})

t.test('a TLS client that is nobody sees no more than a certificate', async t => {
  const desk = await startDesk(t)
  await invite(desk)
  for (const ALPNProtocols of [[ALPN], ['libp2p'], ['h2'], undefined]) {
    const socket = connect({
      host: '127.0.0.1',
      port: portOf(desk),
      rejectUnauthorized: false,
      ...(ALPNProtocols && { ALPNProtocols }),
    })
    const received: Buffer[] = []
    socket.on('data', chunk => received.push(chunk))
    socket.on('error', () => {})
    socket.once('secureConnect', () => socket.write('hello'))
    await new Promise(resolve => socket.once('close', resolve))
    t.same(received, [], `${ALPNProtocols}`)
  }
})

t.test('while an invite is open, an open node serves everybody else as before', async t => {
  const desk = await startFleetNode(t, { mode: 'open' })
  await desk.fleet.create('home')
  await invite(desk)
  const stock = await startStockNode(t)
  const { encryption } = await stock.dial(desk.port.addresses())
  t.ok(encryption)
  await eventually('the connection', () => desk.port.connections(stock.peerId).length === 1 || undefined)
})

t.test(
  'boards that connect and then say nothing keep no place from one that asks',
  { timeout: 60_000 },
  async t => {
    const [desk, board] = [await startDesk(t), await startFleetNode(t)]
    const text = await invite(desk)
    const place = { host: '127.0.0.1', port: portOf(desk) }
    const signal = AbortSignal.timeout(30_000)
    const gone: Promise<unknown>[] = []
    for (let guests = 0; guests < 8; guests++) {
      const { pipe } = await board.network.doors.knock(ALPN, desk.port.self, place, signal)
      const channel = new PipeChannel(
        { protocol: ALPN, maxMessageBytes: 512, idleTimeoutMs: 30_000 },
        { peer: desk.port.self, pipe, report() {} },
      )
      gone.push(channel.read({ signal }).catch(() => {}))
    }
    const ninth = await startFleetNode(t)
    await ninth.join(text)
    await gone[0]
    t.pass('the oldest has made way')
    await Promise.all(gone)
    t.pass('the others are sent away in time')
  },
)
