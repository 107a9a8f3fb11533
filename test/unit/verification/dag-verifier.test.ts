import { CID } from 'multiformats/cid'
import { decode } from 'multiformats/hashes/digest'
import { identity } from 'multiformats/hashes/identity'
import t from 'tap'
import type { Progress } from '../../../core/content/content.ts'
import { cidOf } from '../../../core/content/hashes.ts'
import { UNIXFS_V1_2025 } from '../../../core/content/profile.ts'
import { createMemoryStorage } from '../../../core/storage/memory.ts'
import {
  bytesOf,
  createTestNode,
  exchangeWith,
  fileOf,
  pattern,
  unavailable,
} from '../../helpers/content-node.ts'
import { MIB } from '../storage/stores.ts'
import { rot, startVerified } from './fixture.ts'

const content = pattern(3 * MIB + 500)

/** A peer with the same content. */
async function peerStorage() {
  const storage = createMemoryStorage({ maxBytes: 64 * MIB })
  await createTestNode({ storage }).content.add(fileOf(content))
  return storage
}

t.test('a sound DAG', async t => {
  const node = await startVerified(t)
  const { cid } = await node.content.add(fileOf(content))
  const told: Progress[] = []
  const report = await node.verification.verifier.verify(cid, {
    onProgress: progress => told.push({ ...progress }),
  })
  const { blocks } = node.storage.blocks.stats()
  t.match(report, { blocks, damaged: 0, repaired: 0, unrepaired: 0, absent: 0, problems: [] })
  t.equal(told.length, blocks)
  t.match(told.at(-1), { blocks, bytes: report.bytes, totalBytes: report.bytes })
  t.equal(told[0]?.totalBytes, report.bytes, 'the root tells how much it will be')
  t.equal(node.memory.usedBytes, 0)
})

t.test('damage is found, and repaired where a peer is there', async t => {
  const node = await startVerified(t)
  const { cid } = await node.content.add(fileOf(content), { pin: false })
  rot(node.directory, content.subarray(0, MIB))
  node.blocks.attachExchange(exchangeWith(await peerStorage()))
  t.match(await node.verification.verifier.verify(cid), {
    damaged: 1,
    repaired: 1,
    unrepaired: 0,
    problems: [],
  })
  t.match(await node.verification.verifier.verify(cid), { damaged: 0 })
  t.equal(Buffer.compare(await bytesOf(node.content.cat(cid.toString())), content), 0)
})

t.test('what nobody has is told; what is pinned is listed', async t => {
  for (const pin of [true, false]) {
    const node = await startVerified(t, { directory: t.testdir() })
    const { cid } = await node.content.add(fileOf(content), { pin })
    const lost = content.subarray(MIB, 2 * MIB)
    rot(node.directory, lost)
    const report = await node.verification.verifier.verify(cid)
    const block = cidOf(0x55, lost).toString()
    t.match(report, { damaged: 1, unrepaired: 1, problems: [{ cid: block, reason: /damaged|isn't here/ }] })
    t.equal(node.verification.list.size, pin ? 1 : 0)
    const again = await node.verification.verifier.verify(cid)
    if (pin) t.match(again, { damaged: 1, unrepaired: 1 }, 'it stays missed')
    else t.match(again, { damaged: 0, absent: 1 }, 'it is not here, which is no fault')
    await node.close()
  }
})

t.test('a root that is damaged is repaired first', async t => {
  const profile = { ...UNIXFS_V1_2025, maxLinks: 2 }
  const source = createMemoryStorage({ maxBytes: 64 * MIB })
  const { cid } = await createTestNode({ storage: source, profile }).content.add(fileOf(content))
  const node = await startVerified(t)
  for (const { hash } of source.blocks.list()) {
    const raw = CID.createV1(0x55, decode(hash))
    const isRoot = Buffer.compare(hash, cid.multihash.bytes) === 0
    const bytes = await source.blocks.get(raw)
    await node.storage.blocks.put(raw, isRoot ? bytes.map(byte => byte ^ 1) : bytes)
  }
  t.match(await node.verification.verifier.verify(cid), { blocks: 0, damaged: 1, unrepaired: 1 })
  await t.rejects(node.verification.verifier.verify(cid), { code: 'NOT_HELD' })
  await node.storage.blocks.put(cid, new Uint8Array(10))
  node.blocks.attachExchange(exchangeWith(source))
  const { blocks } = source.blocks.stats()
  t.match(await node.verification.verifier.verify(cid), { blocks, damaged: 1, repaired: 1, unrepaired: 0 })
})

t.test('peers that have nothing are not asked for every block', async t => {
  const node = await startVerified(t)
  const { cid } = await node.content.add(fileOf(pattern(8 * MIB)))
  for (const { hash, size } of node.storage.blocks.list()) {
    if (size === MIB) await node.storage.blocks.delete([hash])
  }
  const exchange = exchangeWith(createMemoryStorage({ maxBytes: MIB }), wanted => {
    throw unavailable(wanted)
  })
  node.blocks.attachExchange(exchange)
  t.match(await node.verification.verifier.verify(cid), { blocks: 1, damaged: 8, unrepaired: 8 })
  t.equal(exchange.fetched.length, 3)
  t.equal(node.verification.list.size, 8)
})

t.test('what is not here, what is inlined, and who gives up', async t => {
  const node = await startVerified(t)
  await t.rejects(node.verification.verifier.verify(cidOf(0x55, content)), { code: 'NOT_HELD' })
  const inlined = CID.createV1(0x55, identity.digest(Buffer.from('hello')))
  t.match(await node.verification.verifier.verify(inlined), { damaged: 0, unrepaired: 0 })
  const { cid } = await node.content.add(fileOf(content))
  await t.rejects(
    node.verification.verifier.verify(cid, { signal: AbortSignal.abort(new Error('enough')) }),
    /enough/,
  )
})
