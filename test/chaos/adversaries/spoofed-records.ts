import { setTimeout as wait } from 'node:timers/promises'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { multiaddr } from '@multiformats/multiaddr'
import { Question } from '../../../plugins/discovery/wire/peers.js'
import type { Arena } from './arena.ts'
import type { Attack } from './attack.ts'
import { type RawOffender, rawOffender } from './raw-offender.ts'

const PEERS = '/skep/peers/1.0.0'

/** Of `about`, signed by `signer`. */
export async function recordOf(
  about: PrivateKey,
  signer: PrivateKey,
  { sequence = 1n, addresses = ['/ip4/127.9.9.9/tcp/9'] }: { sequence?: bigint; addresses?: string[] } = {},
): Promise<Uint8Array> {
  const record = new PeerRecord({
    peerId: peerIdFromPrivateKey(about),
    seqNumber: sequence,
    multiaddrs: addresses.map(multiaddr),
  })
  return Uint8Array.from((await RecordEnvelope.seal(record, signer)).marshal())
}

/** Tells the node of `records`, and waits until it has taken them or reset the stream. */
export async function tell({ muxer }: RawOffender, records: readonly Uint8Array[]): Promise<void> {
  const stream = muxer.open()
  await stream.speak(PEERS)
  stream.say(Question.encode({ records: records as Uint8Array<ArrayBuffer>[], wanted: 0 }))
  stream.finish()
  await stream.takeMessage().catch(() => {})
}

/** Records that say nothing true, and the peers that they are about. */
async function forgeries(): Promise<{ records: Record<string, Uint8Array[]>; about: string[] }> {
  const [victim, forger] = [await generateKeyPair('Ed25519'), await generateKeyPair('Ed25519')]
  const true_ = await recordOf(victim, victim)
  const many = Array.from({ length: 1000 }, (_, at) => `/ip4/10.0.${at >> 8}.${at & 255}/tcp/1`)
  const records = {
    'of another peer': [await recordOf(victim, forger)],
    'with one bit changed': [true_.map((byte, at) => (at === true_.length - 1 ? byte ^ 1 : byte))],
    'of a thousand addresses': [await recordOf(forger, forger, { addresses: many })],
    'of seventeen addresses': [await recordOf(forger, forger, { addresses: many.slice(0, 17) })],
    'too many at once': await Promise.all(Array.from({ length: 33 }, async () => recordOf(forger, forger))),
  }
  return { records, about: [victim, forger].map(key => peerIdFromPrivateKey(key).toString()) }
}

const UNKNOWN = 'nothing'

/** What the node believes of where a peer is. */
async function addressesOf({ victim }: Arena, peer: string): Promise<string> {
  const { peers } = await victim.status()
  const found = peers.find(known => known.peer === peer)
  return found ? JSON.stringify(found) : UNKNOWN
}

export const attack: Attack = {
  name: 'spoofed peer records',
  what: 'Tells of peers what they never signed, replays what they signed before, and names a thousand addresses',
  limit:
    'Signature and key of each record, its sequence, 16 addresses and 2 KiB a record, 32 records a message',
  result: 'Not passed on, and charged as a violation; an older record changes nothing',
  verdict: { charged: 'protocol-violation', banned: false },
  async run(arena) {
    const { records: forged, about: wronged } = await forgeries()
    for (const records of Object.values(forged)) await tell(await rawOffender(arena), records)
    for (const peer of wronged) {
      const known = await addressesOf(arena, peer)
      if (known !== UNKNOWN) throw new Error(`believed: ${known}`)
    }
    // A replay is no fault: whoever passes it on may not know better.
    const about = await generateKeyPair('Ed25519')
    const id = peerIdFromPrivateKey(about).toString()
    const teller = await rawOffender(arena)
    await tell(teller, [await recordOf(about, about, { sequence: 5n, addresses: ['/ip4/127.9.9.1/tcp/9'] })])
    await wait(1000)
    await tell(teller, [await recordOf(about, about, { sequence: 4n, addresses: ['/ip4/127.9.9.2/tcp/9'] })])
    const known = await addressesOf(arena, id)
    if (!known.includes('127.9.9.1') || known.includes('127.9.9.2')) throw new Error(`believed: ${known}`)
    await wait(1000)
    await tell(teller, [await recordOf(about, teller.key, { sequence: 9n })])
  },
}
