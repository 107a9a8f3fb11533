import 'reflect-metadata'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectTcp, createServer, type Socket } from 'node:net'
import { connect as connectTls, TLSSocket } from 'node:tls'
import { generateKeyPair, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import * as x509 from '@peculiar/x509'
import * as asn1 from 'asn1js'
import t, { type Test } from 'tap'
import { createCertificate, type TlsCertificate } from '../../../core/network/tls-certificate.ts'
import { rawSocketOf } from '../../../core/network/traffic.ts'
import { gone, nextEvent, portOf, startNode, type TestNode } from './nodes.ts'
import { encrypter, type Make, rawPair } from './raw-connections.ts'

const WORDS = Buffer.from('\x13/multistream/1.0.0\n\x0b/tls/1.0.0\n')
const DAY_MS = 86_400_000

/** Certificates as other makes write them, right and wrong. */
interface Writing {
  readonly from?: Date
  readonly to?: Date
  /** Whose key vouches; none: there is no extension. */
  readonly by?: PrivateKey
  /** What the key signs besides the prefix; by default the key of the certificate. */
  readonly about?: KeyObject
}

async function write({ from, to, by, about }: Writing): Promise<TlsCertificate> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const extensions: x509.Extension[] = []
  if (by) {
    const key = (about ?? publicKey).export({ type: 'spki', format: 'der' })
    const signature = await by.sign(Buffer.concat([Buffer.from('libp2p-tls-handshake:'), key]))
    const value = [publicKeyToProtobuf(by.publicKey), signature].map(
      valueHex => new asn1.OctetString({ valueHex }),
    )
    const vouched = new asn1.Sequence({ value }).toBER()
    extensions.push(new x509.Extension('1.3.6.1.4.1.53594.1.1', true, vouched))
  }
  const keys = {
    publicKey: publicKey.toCryptoKey(algorithm, true, ['verify']),
    privateKey: privateKey.toCryptoKey(algorithm, true, ['sign']),
  }
  const properties: x509.X509CertificateCreateSelfSignedParams = {
    serialNumber: '0123456789',
    notBefore: from ?? new Date(Date.now() - DAY_MS),
    notAfter: to ?? new Date(Date.now() + DAY_MS),
    signingAlgorithm: algorithm,
    keys,
    extensions,
  }
  // By default it takes the provider that @libp2p/tls has set.
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(properties, crypto)
  return {
    cert: certificate.toString('pem'),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  }
}

const peer = await generateKeyPair('Ed25519')
const own = await createCertificate(peer)
const other = await createCertificate(await generateKeyPair('Ed25519'))
const stranger = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).publicKey

/** What a visitor shows, and why it is refused, if it is. */
const shown: Record<string, { certificate: Partial<TlsCertificate>; refused?: RegExp }> = {
  'its own certificate alone': { certificate: own },
  'one of another make': { certificate: await write({ by: peer }) },
  'one that has expired': {
    certificate: await write({ by: peer, from: new Date(0), to: new Date(DAY_MS) }),
  },
  'one that is not valid yet': {
    certificate: await write({ by: peer, from: new Date(Date.now() + DAY_MS), to: new Date('2099-01-01') }),
  },
  'another certificate behind its own': {
    certificate: { cert: `${own.cert}${other.cert}`, key: own.key },
    refused: /more than one certificate/,
  },
  'one that names no peer': { certificate: await write({}), refused: /names no peer/ },
  'one vouched for by a signature of another key': {
    certificate: await write({ by: peer, about: stranger }),
    refused: /does not vouch/,
  },
  'no certificate': { certificate: {}, refused: /no certificate/ },
}

/** Both sides have agreed on TLS: reads the words of the other one. */
async function readWords(socket: Socket): Promise<void> {
  for (let left = WORDS.length; left > 0; ) {
    const heard: Buffer | null = socket.read(Math.min(left, socket.readableLength))
    if (heard) left -= heard.length
    else await once(socket, 'readable')
  }
}

async function visit(t: Test, node: TestNode, certificate: Partial<TlsCertificate>): Promise<TLSSocket> {
  const socket = connectTcp({ host: '127.0.0.1', port: portOf(node) })
  t.teardown(() => socket.destroy())
  socket.write(WORDS)
  await readWords(socket)
  const ALPNProtocols = ['/yamux/1.0.0']
  const secure = connectTls({ socket, ...certificate, rejectUnauthorized: false, ALPNProtocols })
  return secure.on('error', () => {}).resume()
}

/** Listens once, for TLS with that certificate. */
async function listen(t: Test, certificate: TlsCertificate): Promise<number> {
  const server = createServer(async socket => {
    t.teardown(() => socket.destroy())
    socket.write(WORDS)
    await readWords(socket)
    const secure = new TLSSocket(socket, {
      isServer: true,
      ...certificate,
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ['/yamux/1.0.0'],
    })
    secure.on('error', () => {}).resume()
  }).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  return (server.address() as { port: number }).port
}

for (const [name, { certificate, refused }] of Object.entries(shown)) {
  t.test(`whoever shows ${name} is ${refused ? 'refused' : 'let in'}`, async t => {
    const node = await startNode(t)
    const self = peerIdFromPrivateKey(peer)

    const met = nextEvent(node.events, 'peer:connected').then(met => met.peer.toString())
    const visitor = await visit(t, node, certificate)
    const left = once(visitor, 'close').then(() => 'refused')
    t.equal(await Promise.race([met, left]), refused ? 'refused' : self.toString(), 'dialing')
    visitor.destroy()

    // A TLS server can't be without one.
    if (!certificate.cert) return
    const port = await listen(t, certificate as TlsCertificate)
    const dialer = await startNode(t)
    const dialing = dialer.port.dial(multiaddr(`/ip4/127.0.0.1/tcp/${port}/p2p/${self}`))
    if (refused) {
      await t.rejects(dialing, { code: 'DIAL_FAILED', message: refused }, 'dialed')
      t.same(dialer.port.connections(), [])
    } else {
      const { remotePeer } = await dialing
      t.ok(remotePeer.equals(self), 'dialed')
    }
  })
}

t.test('whoever answers with another key than the one dialed is refused, and nothing is left', async t => {
  const [alice, bob] = [await startNode(t), await startNode(t)]
  const somebody = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
  const wrong = multiaddr(`/ip4/127.0.0.1/tcp/${portOf(bob)}/p2p/${somebody}`)
  await t.rejects(alice.port.dial(wrong), {
    code: 'DIAL_FAILED',
    message: new RegExp(`Expected peer ${somebody}`),
  })
  t.same(alice.port.connections(), [])
  t.match(alice.network.connections(), { inbound: 0, outbound: 0 })
  await alice.port.dial(bob.port.addresses())
  t.equal(alice.port.connections().length, 1, 'under its own name it is welcome')
})

const sides: [client: Make, server: Make][] = [
  ['native', 'native'],
  ['native', 'stock'],
  ['stock', 'native'],
]
for (const [client, server] of sides) {
  t.test(`another peer than expected: ${client} dials ${server}, and nothing is left`, async t => {
    const { dialed, accepted } = await rawPair(t)
    const [dialer, listener, somebody] = [
      await encrypter(client),
      await encrypter(server),
      await encrypter('native'),
    ]
    const ends = [dialed, accepted].map(gone)
    // The listener is done with TLS once it has the dialer's last part: it hears of the refusal as an end.
    const inbound = listener.secureInbound(accepted).catch(() => undefined)
    const outbound = dialer.secureOutbound(dialed, { remotePeer: somebody.peer })
    await t.rejects(outbound, { name: 'UnexpectedPeerError' })
    await Promise.all([inbound, ...ends])
    t.match(
      [dialed, accepted].map(({ status }) => status === 'open'),
      [false, false],
    )
    // The stock one lets go of its socket a little later.
    const ours = [client === 'native' && dialed, server === 'native' && accepted]
    for (const connection of ours) if (connection) t.ok(rawSocketOf(connection)?.destroyed)
  })
}

t.test('a handshake that is given up leaves no socket', async t => {
  const { dialed, accepted, relay } = await rawPair(t)
  relay.hold('up')
  const [dialer, listener] = [await encrypter('native'), await encrypter('native')]
  const [givenUp, ends] = [new AbortController(), Promise.all([dialed, accepted].map(gone))]
  const inbound = listener.secureInbound(accepted, { signal: givenUp.signal })
  const outbound = dialer.secureOutbound(dialed, { signal: givenUp.signal })
  const rejections = Promise.all([t.rejects(inbound), t.rejects(outbound)])
  await relay.arrived('up', 1)
  givenUp.abort()
  await Promise.all([rejections, ends])
  for (const connection of [dialed, accepted]) t.ok(rawSocketOf(connection)?.destroyed)
})
