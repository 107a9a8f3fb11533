import { noise } from '@chainsafe/libp2p-noise'
import type { MessageStream, PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { tls } from '@libp2p/tls'
import { byteStream } from '@libp2p/utils'
import { encrypterParts, rawDial } from '../unit/network/raw-connections.ts'

/** Of multistream-select: https://github.com/multiformats/multistream-select */
export const line = (text: string): Buffer => Buffer.from(`${String.fromCharCode(text.length + 1)}${text}\n`)
export const HELLO = line('/multistream/1.0.0')

export const ENCRYPTERS = { '/tls/1.0.0': tls, '/noise': noise } as const

export interface RawHandshake {
  /** Who this end has proved to be. */
  readonly self: PeerId
  readonly remotePeer: PeerId | undefined
  /** Encrypted; a muxer is agreed on where both ends did so within the handshake. */
  readonly connection: MessageStream
}

/** Comes as far as the proof of both keys, and no further. `muxers`: those to be agreed on within the handshake. */
export async function rawHandshake(
  t: { teardown(end: () => unknown): void },
  port: number,
  { encryption, muxers }: { encryption: keyof typeof ENCRYPTERS; muxers: readonly string[] },
): Promise<RawHandshake> {
  const bytes = byteStream(await rawDial(t, port))
  const question = Buffer.concat([HELLO, line(encryption)])
  await bytes.write(question)
  const answer = Buffer.from((await bytes.read({ bytes: question.byteLength }))?.subarray() ?? [])
  if (!answer.equals(question)) throw new Error(`it does not speak ${encryption}, but says ${answer}`)
  const parts = await encrypterParts(muxers)
  const { connection, remotePeer } = await ENCRYPTERS[encryption]()(parts as never).secureOutbound(
    bytes.unwrap(),
    { skipStreamMuxerNegotiation: muxers.length === 0 },
  )
  return { self: peerIdFromPrivateKey(parts.privateKey), remotePeer, connection }
}
