import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { type ConnectionOptions, connect, TLSSocket } from 'node:tls'
import { generateKeyPair } from '@libp2p/crypto/keys'
import t, { type Test } from 'tap'
import type { PipeSink } from '../../../core/network/pipe.ts'
import { SocketIntake, SocketPipe } from '../../../core/network/socket-pipe.ts'
import { createTlsIdentity, handshake, PEER_CERTIFICATE } from '../../../core/network/tls-identity.ts'
import { eventually } from '../../helpers/eventually.ts'

const MIB = 1024 * 1024

/** Both ends of a TLS connection after the handshake, made as lanes are. */
async function pair(t: Test) {
  const identity = createTlsIdentity(await generateKeyPair('Ed25519'), { firstCipher: 'aes' })
  const secureContext = await identity.context()
  const server = createServer({ allowHalfOpen: true })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const intake = new SocketIntake()
  const ours = connect({
    ...PEER_CERTIFICATE,
    port: (server.address() as { port: number }).port,
    secureContext,
    allowHalfOpen: true,
    onread: intake.options,
  } as ConnectionOptions)
  const [raw] = await accepted
  const theirs = new TLSSocket(raw, { ...PEER_CERTIFICATE, secureContext, isServer: true })
  t.teardown(() => {
    ours.destroy()
    theirs.destroy()
    raw.destroy()
    server.close()
  })
  await Promise.all([handshake(ours, {}), handshake(theirs, {})])
  return { ours, theirs, intake }
}

/** Keeps what it is told. */
function listener() {
  const chunks: Buffer[] = []
  const finished = Promise.withResolvers<Error | undefined>()
  const gone = Promise.withResolvers<Error | undefined>()
  const sink: PipeSink = {
    space: undefined,
    unreadBytes: 0,
    filled() {},
    accept(arrived) {
      for (const chunk of arrived) chunks.push(Buffer.from(chunk))
    },
    finished: finished.resolve,
    gone: gone.resolve,
  }
  return { sink, bytes: () => Buffer.concat(chunks), finished: finished.promise, gone: gone.promise }
}

t.test('what came before anybody listened is not lost', async t => {
  const { ours, theirs, intake } = await pair(t)
  const sent = Buffer.alloc(MIB, 'early')
  theirs.end(sent)
  await eventually('bytes to come', () => ours.bytesRead > 0 || undefined)
  const { sink, bytes, finished } = listener()
  new SocketPipe(ours, intake).attach(sink)
  t.equal(await finished, undefined)
  t.equal(bytes().compare(sent), 0)
})

t.test('an end that came before anybody listened is not lost', async t => {
  const { ours, theirs, intake } = await pair(t)
  theirs.end()
  await once(ours, 'end')
  const { sink, finished } = listener()
  new SocketPipe(ours, intake).attach(sink)
  t.equal(await finished, undefined)
})

t.test('a send that waits for a reader fails when the connection is lost', async t => {
  const { ours, theirs, intake } = await pair(t)
  const pipe = new SocketPipe(theirs)
  pipe.attach(listener().sink)
  const { sink } = listener()
  const reader = new SocketPipe(ours, intake)
  reader.attach(sink)
  reader.pause()
  const sending = pipe.send([new Uint8Array(64 * MIB)], { given: false })
  pipe.abort(new Error('enough'))
  await t.rejects(sending, { message: 'enough' })
})

t.test('a close that waits for a reader fails when the connection is lost', async t => {
  const { ours, theirs, intake } = await pair(t)
  const pipe = new SocketPipe(theirs)
  pipe.attach(listener().sink)
  const reader = new SocketPipe(ours, intake)
  reader.attach(listener().sink)
  reader.pause()
  void pipe.send([new Uint8Array(64 * MIB)], { given: false }).catch(() => {})
  const closing = pipe.close({})
  theirs.destroy()
  await t.rejects(closing)
})
