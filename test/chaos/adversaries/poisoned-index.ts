import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { Channel } from '../../../core/api.ts'
import { encodeUpdate, PROTOCOL, type UpdateMessage } from '../../../plugins/routing/members/wire/codec.ts'
import { startNode, type TestNode } from '../../unit/network/nodes.ts'
import type { Attack } from './attack.ts'

const STORM_MS = 2500
const FINGERPRINTS = 4096

const start = (blocks: number): UpdateMessage => ({
  kind: 'start',
  epoch: Uint8Array.from(randomBytes(8)),
  sequence: 0,
  snapshot: true,
  blocks,
})
const part = (bytes: Uint8Array<ArrayBuffer>): UpdateMessage => ({
  kind: 'part',
  added: bytes,
  complete: false,
})
const fingerprints = (): Uint8Array<ArrayBuffer> => Uint8Array.from(randomBytes(6 * FINGERPRINTS))

type Liar = (channel: Channel, say: (update: UpdateMessage) => Promise<void>) => Promise<void>

/** Each breaks a rule of the protocol. */
const LIARS: readonly Liar[] = [
  async (_, say) => {
    await say(start(0xffff_ffff))
    await say(part(new Uint8Array(6 * FINGERPRINTS)))
  },
  async (_, say) => {
    await say({ kind: 'change', sequence: 7, added: fingerprints(), removed: new Uint8Array() })
  },
]

/** These break none. */
const BABBLERS: readonly Liar[] = [
  async (_, say) => {
    const endMs = performance.now() + STORM_MS
    while (performance.now() < endMs) await say(start(0xffff_ffff))
  },
  async (_, say) => {
    const endMs = performance.now() + STORM_MS
    await say(start(1))
    while (performance.now() < endMs) await say(part(fingerprints()))
  },
]

export const attack: Attack = {
  name: 'poisoned index',
  what: 'Members tell of four billion blocks, of blocks without an end, begin anew all the time, and break the rules',
  limit:
    '`plugins.routing.members.maxBytes` for all, 50,000 blocks a second of each, as many as were asked for',
  result: 'Forgotten, and charged as a violation; the index of others stays',
  verdict: { charged: 'protocol-violation', banned: false },
  async run(arena) {
    const babbler = (): Promise<TestNode> => startNode({ teardown: arena.teardown }, { trusts: () => true })
    /** Resolves with whether it was asked what it holds. */
    const tell = async ({ port }: TestNode, lie: Liar): Promise<boolean> => {
      const told = Promise.withResolvers<void>()
      let isAsked = false
      await port.handle(PROTOCOL, async channel => {
        isAsked = true
        try {
          await channel.read()
          await lie(channel, update => channel.write(encodeUpdate(update)))
        } catch {
          // It was reset, as it should be.
        }
        told.resolve()
        await channel.read().catch(() => {})
      })
      await arena.victim.connect(String(port.addresses()[0]))
      await Promise.race([told.promise, wait(STORM_MS)])
      return isAsked
    }
    // One after the other: babblers take what room there is for all indexes, and who finds none isn't asked.
    await Promise.all(LIARS.map(async lie => tell(await arena.peer({ connect: false }), lie)))
    const asked = await Promise.all(BABBLERS.map(async lie => tell(await babbler(), lie)))
    if (!asked.some(Boolean)) throw new Error('no babbler was asked, so there was no attack')
    const metrics = await arena.victim.metrics()
    const bytes = metrics.get('skep_routing_members_bytes') ?? Number.NaN
    if (!(bytes <= 4 * 1024 * 1024)) throw new Error(`the index takes ${bytes} bytes`)
  },
}
