import type { PeerId } from '@libp2p/interface'
import { isSkepError, messageOf } from '../errors.ts'
import { networkError } from '../network/errors.ts'
import type { Channel } from '../network/framing.ts'
import type { NetworkPort } from '../network/network-port.ts'
import type { Protocol } from '../network/protocols.ts'
import type { WaitOptions } from '../storage/storage.ts'

/** Turns a message into bytes and back, as protons makes it. `decode` throws where the bytes are no such message. */
export interface MessageCodec<T> {
  encode(message: T): Uint8Array
  decode(bytes: Uint8Array): T
}

/** How much of it a peer may ask, and how long an answer may take. */
export interface MessageLimits extends Omit<Protocol, 'id'> {
  /** From the call to the whole answer, opening the stream included. */
  readonly timeoutMs: number
}

export interface MessageDefinition<Request, Response> {
  /** `/skep/<name>/<major.minor.patch>` */
  readonly id: string
  readonly request: MessageCodec<Request>
  readonly response: MessageCodec<Response>
  readonly limits: MessageLimits
}

/** Who asked, and until when the answer counts: aborted when the asker is gone. */
export interface RequestContext {
  readonly peer: PeerId
  readonly signal: AbortSignal
}

export interface MessageProtocol<Request, Response> {
  readonly protocol: Protocol
  /**
   * Asks `peer` and resolves with its answer.
   *
   * @throws SkepError DIAL_FAILED, PROTOCOL_UNSUPPORTED, PEER_TIMEOUT, FRAME_TOO_LARGE, FRAME_MALFORMED, and
   * REQUEST_FAILED where the peer ended the stream without an answer
   */
  call(network: NetworkPort, peer: PeerId, request: Request, options?: WaitOptions): Promise<Response>
  /** Answers with what `handler` resolves with. Where it throws, the asker sees a reset and nothing of the error. */
  handle(
    network: NetworkPort,
    handler: (request: Request, context: RequestContext) => Promise<Response>,
  ): Promise<void>
}

/**
 * One question, one answer: a stream carries a request, then a response, each length-prefixed, and both sides close.
 *
 *     export const time = defineProtocol({ id: '/acme/time/1.0.0', request: Empty, response: Time, limits })
 *     await time.handle(context.network, async () => ({ unixMs: BigInt(Date.now()) }))
 *     const { unixMs } = await time.call(context.network, peer, {})
 */
export function defineProtocol<Request, Response>(
  definition: MessageDefinition<Request, Response>,
): MessageProtocol<Request, Response> {
  const { id, request: requestCodec, response: responseCodec } = definition
  const { timeoutMs, ...limits } = definition.limits
  const protocol: Protocol = { id, ...limits }

  const ask = async (
    network: NetworkPort,
    peer: PeerId,
    request: Request,
    signal: AbortSignal,
  ): Promise<Response> => {
    const channel = await network.open(peer, protocol, { signal })
    try {
      await channel.write(requestCodec.encode(request), undefined, { signal })
      await channel.close({ signal })
      const bytes = await channel.read({ signal })
      if (!bytes) throw networkError('REQUEST_FAILED', `${peer} ended ${id} without an answer`)
      const response = decode(channel, responseCodec, bytes)
      await expectEnd(channel, signal)
      return response
    } catch (error) {
      channel.abort(asError(error))
      throw error
    }
  }

  return {
    protocol,
    async call(network, peer, request, options = {}) {
      options.signal?.throwIfAborted()
      const timeout = AbortSignal.timeout(timeoutMs)
      const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout
      try {
        return await ask(network, peer, request, signal)
      } catch (error) {
        options.signal?.throwIfAborted()
        if (timeout.aborted) {
          throw networkError('PEER_TIMEOUT', `${peer} did not answer ${id} within ${timeoutMs} ms`, {
            cause: error,
          })
        }
        if (!isSkepError(error, 'STREAM_CLOSED')) throw error
        throw networkError('REQUEST_FAILED', `${peer} failed to answer ${id}: ${error.message}`, {
          cause: error,
        })
      }
    },
    async handle(network, handler) {
      await network.handle(protocol, async channel => {
        const bytes = await channel.read()
        if (!bytes) return
        const request = decode(channel, requestCodec, bytes)
        const context = { peer: channel.peer, signal: channel.signal }
        await channel.write(responseCodec.encode(await handler(request, context)))
      })
    },
  }
}

function decode<T>(channel: Channel, codec: MessageCodec<T>, bytes: Uint8Array): T {
  try {
    return codec.decode(bytes)
  } catch (cause) {
    const detail = `${channel.protocol}: ${channel.peer} sent ${bytes.byteLength} bytes that are no message`
    const error = networkError('FRAME_MALFORMED', detail, { cause })
    channel.abort(error)
    throw error
  }
}

async function expectEnd(channel: Channel, signal: AbortSignal): Promise<void> {
  if ((await channel.read({ signal })) === undefined) return
  throw networkError('FRAME_MALFORMED', `${channel.protocol}: ${channel.peer} sent more than one answer`)
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(messageOf(error))
}
