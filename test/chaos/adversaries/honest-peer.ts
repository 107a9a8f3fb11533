import type { Test } from 'tap'
import {
  type ExchangeNode,
  randomBlock,
  randomBlocks,
  startExchange,
  type TestBlock,
} from '../../unit/exchange/fixture.ts'
import type { Honest } from './attack.ts'
import type { Victim } from './victim.ts'

const FETCHED_BLOCKS = 8
const FETCHED_BLOCK_BYTES = 256 * 1024
const GIVEN_BYTES = 512 * 1024

/** Long for some megabytes on loopback, short for whoever waits: a transfer that takes longer has not finished. */
const TRANSFER_LIMIT_MS = 15_000

/** An in-process peer with a clean record, which the node itself has connected to. */
export class HonestPeer implements Honest {
  readonly #node: ExchangeNode
  readonly #victim: Victim
  readonly #held: readonly TestBlock[]

  private constructor(node: ExchangeNode, victim: Victim, held: readonly TestBlock[]) {
    this.#node = node
    this.#victim = victim
    this.#held = held
  }

  /** `enter`: called before the node connects to it. */
  static async meet(
    t: Test,
    victim: Victim,
    enter: (node: ExchangeNode) => Promise<void> = async () => {},
  ): Promise<HonestPeer> {
    const node = await startExchange(t)
    await enter(node)
    const held = randomBlocks(FETCHED_BLOCKS, FETCHED_BLOCK_BYTES)
    // The node has them from this very peer: it fetches and pins them.
    await node.hold(held)
    const peer = new HonestPeer(node, victim, held)
    await victim.connect(String(node.port.addresses()[0]))
    for (const { cid } of held)
      await victim.client.operate({ method: 'POST', path: 'pins', body: { path: String(cid) } })
    return peer
  }

  get id(): string {
    return this.#node.id
  }

  offer(blocks: readonly TestBlock[]): Promise<void> {
    return this.#node.hold(blocks)
  }

  async transfer(): Promise<void> {
    await Promise.all([this.#fetch(), this.#give()])
  }

  async #fetch(): Promise<void> {
    const signal = AbortSignal.timeout(TRANSFER_LIMIT_MS)
    await using session = this.#node.exchange.session((this.#held[0] as TestBlock).cid)
    await Promise.all(
      this.#held.map(async ({ cid, bytes }) => {
        const got = await session.fetch(cid, { signal })
        if (Buffer.compare(got, bytes) !== 0) throw new Error(`other bytes came for ${cid}`)
      }),
    )
  }

  async #give(): Promise<void> {
    const block = randomBlock(GIVEN_BYTES)
    await this.#node.hold([block])
    const got = await this.#victim.cat(String(block.cid), AbortSignal.timeout(TRANSFER_LIMIT_MS))
    if (Buffer.compare(got, block.bytes) !== 0) throw new Error(`the node gave other bytes for ${block.cid}`)
    await this.#node.storage.blocks.delete([block.cid.multihash.bytes])
  }
}
