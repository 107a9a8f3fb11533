import type { Channel } from '../../../core/api.ts'
import {
  BITSWAP,
  type BitswapEntry,
  type BitswapMessage,
  decodeBitswap,
  encodeBitswap,
  WantType,
} from '../../../plugins/exchange/wire/bitswap-codec.ts'
import type { TestBlock } from '../../unit/exchange/fixture.ts'
import { startNode, type TestNode } from '../../unit/network/nodes.ts'

export type Outgoing = Parameters<typeof encodeBitswap>[0]

export interface BitswapScript extends TestNode {
  readonly id: string
  /** All that came so far, in order. */
  readonly messages: readonly BitswapMessage[]
  /** Resolves with the first message, of those that came or come, for which `matches` holds. */
  message(matches: (message: BitswapMessage) => boolean): Promise<BitswapMessage>
  /** Sends on a stream of its own. */
  send(to: TestNode, message: Outgoing): Promise<void>
}

/** A peer that speaks Bitswap by hand; `onMessage` may answer. */
export async function startBitswapScript(
  t: { teardown(end: () => unknown): void },
  onMessage: (message: BitswapMessage, peer: Channel['peer'], script: BitswapScript) => unknown = () => {},
): Promise<BitswapScript> {
  const node = await startNode(t)
  const messages: BitswapMessage[] = []
  const waiting = new Set<() => void>()
  const script: BitswapScript = {
    ...node,
    id: node.port.self.toString(),
    messages,
    async message(matches) {
      for (;;) {
        const found = messages.find(matches)
        if (found) return found
        const { promise, resolve } = Promise.withResolvers<void>()
        waiting.add(resolve)
        await promise
      }
    },
    send: (to, message) => sendTo(node, to.port.self, message),
  }
  await node.port.handle(BITSWAP, async channel => {
    for (let bytes = await channel.read(); bytes; bytes = await channel.read()) {
      const message = decodeBitswap(bytes)
      messages.push(message)
      for (const wake of waiting) wake()
      waiting.clear()
      await onMessage(message, channel.peer, script)
    }
  })
  return script
}

async function sendTo(from: TestNode, peer: Channel['peer'], message: Outgoing): Promise<void> {
  const channel = await from.port.open(peer, BITSWAP)
  await channel.write(encodeBitswap(message))
  await channel.close()
}

/** Answers every want as an honest holder of `blocks`, but that `alter` changes what it sends. */
export function holderOf(
  blocks: readonly TestBlock[],
  alter: (block: TestBlock) => Uint8Array = ({ bytes }) => bytes,
): (message: BitswapMessage, peer: Channel['peer'], script: BitswapScript) => Promise<void> {
  return async ({ entries }, peer, script) => {
    for (const { cid, cancel, type } of entries) {
      const block = blocks.find(block => block.cid.equals(cid))
      if (cancel) continue
      if (!block || type === WantType.HAVE) {
        await sendTo(script, peer, { presences: [{ cid, held: block !== undefined }] })
      } else await sendTo(script, peer, { blocks: [{ cid, data: alter(block) }] })
    }
  }
}

export function wantOf({ cid }: TestBlock, more: Partial<BitswapEntry> = {}): BitswapEntry {
  return { cid, priority: 1, cancel: false, type: WantType.BLOCK, sendDontHave: true, ...more }
}
