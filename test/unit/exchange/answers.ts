import type { Channel } from '../../../core/api.ts'
import { type Answer, decodeReply, type ReplyMessage, Status } from '../../../plugins/exchange/wire/codec.ts'

export async function readReply(channel: Channel): Promise<ReplyMessage> {
  const message = await channel.read()
  if (!message) throw new Error('the stream ended')
  return decodeReply(message)
}

/** Reads answers with their payloads until there are `count`. `have`: ids asked with HAVE. */
export async function readAnswers(
  channel: Channel,
  count: number,
  have: readonly number[] = [],
): Promise<Map<number, Answer & { payload?: Uint8Array }>> {
  const answers = new Map<number, Answer & { payload?: Uint8Array }>()
  while (answers.size < count) {
    for (const answer of (await readReply(channel)).answers) {
      const hasPayload = answer.status === Status.OK && !have.includes(answer.id)
      answers.set(
        answer.id,
        hasPayload ? { ...answer, payload: await channel.readPayload(answer.length) } : answer,
      )
    }
  }
  return answers
}
