import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { silentLogger } from '../../core/logger.ts'
import type { NodeStatus } from '../../core/state/node-state.ts'
import { openStorage } from '../../core/storage/open.ts'
import { eventually } from '../helpers/eventually.ts'
import { QUIET } from '../helpers/quiet-node.ts'
import { SkepProcess } from '../helpers/skep-process.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { rot } from '../unit/verification/fixture.ts'

const MIB = 1024 * 1024

interface State {
  readonly damaged: number
  readonly repaired: number
  readonly unrepaired: number
  readonly blocks: number
  readonly lastPass?: { readonly blocks: number; readonly endedMs: number }
}

const SETTINGS = [...QUIET, '--set', 'plugins.exchange.findTimeoutMs=1s']

function reasonOf({ plugins }: NodeStatus): string | undefined {
  return plugins.find(({ name }) => name === 'verification')?.health.reason
}

t.test('a card forgets bits: found, told, never served, repaired', async t => {
  const directory = await temporaryDirectory(t)
  const content = randomBytes(6 * MIB)
  const file = join(directory, 'content')
  writeFileSync(file, content)
  const [board, other] = await Promise.all(
    ['board', 'other'].map(name => SkepProcess.start(join(directory, name), SETTINGS)),
  )
  if (!board || !other) throw new Error('two nodes were started')
  t.teardown(() => Promise.all([board.end(), other.end()]))
  const { cid } = await board.json<{ cid: string }>(['add', file])
  await other.json(['add', file])

  t.match(await board.run(['verify', cid]), {
    code: 0,
    stdout: /^\S+ {2}7 blocks, 6\.00 MiB: all good\n$/,
    stderr: '',
  })
  t.match(await board.run(['verify', '--list']), { code: 0, stdout: 'nothing is damaged\n' })
  t.match(await board.run(['verify', '--list', '--json']), { code: 0, stdout: '' })
  t.match(await board.run(['verify', '--list', cid]), { code: 2 })
  t.match(await board.json<State>(['verify']), { damaged: 0, unrepaired: 0 })
  t.match(await board.run(['verify']), { code: 0, stdout: /^this pass +\d+% done: \d+ blocks?, /m })
  t.match(await board.run(['verify', '--help']), { code: 0, stdout: /Examples:/ })

  rot(board.directory, content.subarray(2 * MIB, 3 * MIB))
  const alone = await board.run(['verify', cid, '--json'])
  t.equal(alone.code, 1)
  t.match(JSON.parse(alone.stdout), { cid, blocks: 6, damaged: 1, repaired: 0, unrepaired: 1 })
  t.match(JSON.parse(alone.stderr), { error: { code: 'CONTENT_DAMAGED', fix: /skep peers connect/ } })
  const listed = JSON.parse((await board.run(['verify', '--list', '--json'])).stdout)
  t.match(listed, { cid: /^bafk/, foundMs: Number })
  t.match(await board.run(['verify', '--list']), { code: 0, stdout: new RegExp(`^BLOCK.*\\n${listed.cid} `) })
  const status = await board.json<NodeStatus>(['status'])
  t.match(status, { phase: 'degraded', details: { verification: { unrepaired: 1 } } })
  t.match(reasonOf(status), /1 pinned block is damaged or missing/)
  const served = await board.run(['cat', cid])
  t.equal(served.code, 1)
  t.match(served.stderr, /error: .*\nfix: Connect to a peer/)

  await board.json(['connect', other.ready.addresses[0] ?? ''])
  await eventually('the repair', async () => {
    const { unrepaired } = (await board.status()).details.verification as State
    return unrepaired === 0 ? true : undefined
  })
  t.match(await board.json<State>(['verify']), { damaged: 1, repaired: 1 })
  const healed = await board.json<NodeStatus>(['status'])
  t.equal(healed.phase, 'ready')
  const output = join(directory, 'output')
  t.match(await board.run(['get', cid, '-o', output]), { code: 0 })
  t.ok(readFileSync(output).equals(content))
})

t.test('the scrub of a running node finds what rotted', async t => {
  const directory = await temporaryDirectory(t)
  const content = randomBytes(4 * MIB)
  const file = join(directory, 'content')
  writeFileSync(file, content)
  const quick = [...SETTINGS, '--set', 'plugins.verification.periodMs=5s']
  const [board, other] = await Promise.all([
    SkepProcess.start(join(directory, 'board'), quick),
    SkepProcess.start(join(directory, 'other'), SETTINGS),
  ])
  t.teardown(() => Promise.all([board.end(), other.end()]))
  await board.json(['add', file])
  await other.json(['add', file])
  await board.json(['connect', other.ready.addresses[0] ?? ''])
  for (const part of [0, 1, 3]) rot(board.directory, content.subarray(part * MIB, (part + 1) * MIB))
  const state = await eventually('the repair', async () => {
    const now = (await board.status()).details.verification as State
    return now.repaired === 3 && now.lastPass?.blocks === 5 ? now : undefined
  })
  t.match(state, { damaged: 3, unrepaired: 0 })
  t.equal(await board.end(), 0, 'it stops in the midst of it')
})

t.test('a bit of what pins count: the node ends, and the next start counts anew', async t => {
  const inputs = await temporaryDirectory(t)
  const file = join(inputs, 'content')
  for (const [table, byte] of [
    ['pin-counts', 1],
    ['pin-counts', 10],
    ['pin-roots', 1],
    ['pin-links', 1],
  ] as const) {
    const directory = await temporaryDirectory(t)
    const content = randomBytes(2 * MIB)
    writeFileSync(file, content)
    const settings = [...SETTINGS, '--set', 'plugins.verification.periodMs=1s']
    const first = await SkepProcess.start(directory, settings)
    const { cid } = await first.json<{ cid: string }>(['add', file])
    await first.end()
    await turnBit(directory, table, byte)

    // It may be so bad that the start itself finds it.
    const second = await SkepProcess.start(directory, settings).catch(() => undefined)
    if (second) await eventually('the end of the node', async () => second.ended !== undefined || undefined)
    const third = await SkepProcess.start(directory, settings)
    t.match(
      third.log.filter(line => line.includes('the index is damaged')),
      [/pin|entry that is none/],
      `${table}, byte ${byte}`,
    )
    const verification = async () => (await third.status()).details.verification as State
    const ended = await eventually('a pass', async () => (await verification()).lastPass?.endedMs)
    await eventually(
      'another',
      async () => ((await verification()).lastPass?.endedMs ?? 0) > ended || undefined,
    )
    t.equal((await verification()).unrepaired, 0)
    t.match((await third.status()).pins, { pinned: 1, pinning: 0 })
    t.match(await third.json(['storage', 'verify-refs']), { pins: 1, nodes: 3, links: 2, faults: 0 })
    t.match(await third.json(['verify', cid]), { blocks: 3, damaged: 0, absent: 0 })
    await third.end()
  }
})

/** Turns a bit in a key of the index, as a bit of the card would: nobody is told. */
async function turnBit(directory: string, table: string, byte: number): Promise<void> {
  const storage = await openStorage(
    { directory, maxBytes: 1024 * MIB, minFreeDiskBytes: 0, mapBytes: 1024 * MIB },
    { log: silentLogger },
  )
  const bucket = storage.index.bucket(table)
  const [[key, value] = []] = bucket.entries({ limit: 1 })
  if (!key || !value) throw new Error('an entry')
  const turned = Buffer.from(key)
  turned[byte] = (turned[byte] ?? 0) ^ 4
  await storage.index.write(batch => {
    batch.delete(bucket, key)
    batch.put(bucket, turned, value)
  })
  await storage.close()
}

t.test('a node without the plugin says so', async t => {
  const directory = await temporaryDirectory(t)
  const node = await SkepProcess.start(directory, [...QUIET, '--set', 'plugins.verification.enabled=false'])
  t.teardown(() => node.end())
  const { code, stderr } = await node.run(['verify', '--json'])
  t.equal(code, 1)
  t.match(JSON.parse(stderr), { error: { code: 'VERIFICATION_OFF' } })
})
