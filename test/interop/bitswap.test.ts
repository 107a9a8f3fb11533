import { multiaddr } from '@multiformats/multiaddr'
import { MemoryBlockstore } from 'blockstore-core'
import { CID } from 'multiformats/cid'
import t from 'tap'
import { use } from '../../core/container.ts'
import { Content, type ImportEntry } from '../../core/content/content.ts'
import { cidOf } from '../../core/content/hashes.ts'
import { Events } from '../../core/events.ts'
import { Network } from '../../core/network/network-port.ts'
import { Pins } from '../../core/services/pins.ts'
import { Storage } from '../../core/storage/storage.ts'
import exchange from '../../plugins/exchange/index.ts'
import { holderOf, startBitswapScript } from '../chaos/exchange/bitswap-script.ts'
import { bytesOf, entriesFrom, fileOf, pattern, streamOf } from '../helpers/content-node.ts'
import { type HeliaNode, startHelia } from '../helpers/helia-node.ts'
import { startPlugins } from '../helpers/plugin-node.ts'
import { startExchange } from '../unit/exchange/fixture.ts'
import { nextEvent } from '../unit/network/nodes.ts'

const MIB = 1024 * 1024
const RAW = 0x55
const PROFILE = { profile: 'unixfs-v1-2025' } as const

interface Test {
  teardown(end: () => unknown): void
}

async function startSkep(t: Test) {
  const node = await startPlugins([{ plugin: exchange }])
  t.teardown(() => node.stop())
  const { container, state } = node
  const network = use(container, Network)
  return {
    content: use(container, Content),
    pins: use(container, Pins),
    events: use(container, Events),
    storage: use(container, Storage),
    address: String(network.addresses()[0]),
    connect: (helia: HeliaNode) => network.dial(multiaddr(helia.address)),
    details: () => state.status().details.exchange as Record<string, unknown>,
  }
}

const tree = [
  { path: 'README.md', bytes: pattern(10, 2) },
  { path: 'bin/run', bytes: pattern(2 * MIB + 5, 3) },
  ...Array.from({ length: 100 }, (_, at) => ({ path: `many/${at}`, bytes: pattern(500 + 10 * at, at + 1) })),
]

const treeEntries = (): AsyncGenerator<ImportEntry> =>
  entriesFrom(
    tree.map(({ path, bytes }): ImportEntry => {
      return { type: 'file', path, bytes: streamOf(bytes), mode: undefined, mtimeMs: undefined }
    }),
  )

t.test('Helia fetches a file and a directory from skep', async t => {
  const skep = await startSkep(t)
  const helia = await startHelia(t)
  const file = pattern(9 * MIB + 7)
  const { cid } = await skep.content.add(fileOf(file))
  const { cid: root } = await skep.content.add(treeEntries())
  await helia.connect(skep.address)
  t.ok((await bytesOf(helia.files.cat(cid))).equals(file), 'the file')
  for (const { path, bytes } of tree) {
    const got = await bytesOf(helia.files.cat(root, { path }))
    if (!got.equals(bytes)) t.fail(`${path} differs`)
  }
  t.match(skep.details(), { bitswap: { servedPeers: 1 } })
})

t.test('skep fetches a file and a directory from Helia, and pins them', async t => {
  const skep = await startSkep(t)
  const helia = await startHelia(t)
  const file = pattern(9 * MIB + 7)
  const cid = await helia.files.addBytes(file, PROFILE)
  const candidates = tree.map(({ path, bytes }) => ({ path, content: bytes }))
  let root: CID | undefined
  for await (const added of helia.files.addAll(candidates, { ...PROFILE, wrapWithDirectory: true }))
    root = added.cid
  if (!root) throw new Error('Helia added nothing')
  await skep.connect(helia)
  await skep.pins.add(CID.parse(String(cid)))
  await skep.pins.add(CID.parse(String(root)))
  t.match(skep.pins.counts(), { pinned: 2 })
  t.ok((await bytesOf(skep.content.cat(String(cid)))).equals(file), 'the file')
  for (const { path, bytes } of tree) {
    const got = await bytesOf(skep.content.cat(`${root}/${path}`))
    if (!got.equals(bytes)) t.fail(`${path} differs`)
  }
  t.match(skep.details(), {
    bitswap: { askedPeers: 1 },
    invalidBlocks: 0,
    unaskedBlocks: 0,
    duplicateBlocks: 0,
  })
})

for (const size of [1000, MIB])
  t.test(`a block of ${size} bytes that Helia altered is refused, and Helia distrusted`, async t => {
    const skep = await startSkep(t)
    const blockstore = new MemoryBlockstore()
    const helia = await startHelia(t, blockstore)
    const cid = cidOf(RAW, pattern(size))
    await blockstore.put(cid, pattern(size, 2))
    await skep.connect(helia)
    const evidence = nextEvent(skep.events, 'peer:evidence')
    const giveUp = new AbortController()
    const got = bytesOf(skep.content.cat(cid.toString(), { signal: giveUp.signal }))
    got.catch(() => undefined)
    const { peer, kind } = await evidence
    t.match([peer.toString(), kind], [helia.id, 'invalid-block'])
    giveUp.abort(new Error('refused'))
    await t.rejects(got, { message: 'refused' })
    t.notOk(skep.storage.blocks.stats().blocks, 'nothing is stored')
    t.match(skep.details(), { invalidBlocks: 1, distrustedPeers: 1 })
  })

t.test('a block that was altered on its way to Helia is refused there', async t => {
  const block = { cid: cidOf(RAW, pattern(1000)), bytes: pattern(1000) }
  const liar = await startBitswapScript(
    t,
    holderOf([block], () => pattern(1000, 2)),
  )
  const helia = await startHelia(t)
  await helia.connect(String(liar.port.addresses()[0]))
  const got = bytesOf(helia.files.cat(block.cid))
  got.catch(() => undefined)
  await liar.message(({ entries }) => entries.some(({ cid }) => cid.equals(block.cid)))
  const honest = await startExchange(t)
  await honest.hold([block])
  await helia.connect(String(honest.port.addresses()[0]))
  t.ok((await got).equals(block.bytes), 'the bytes come from who has them')
})
