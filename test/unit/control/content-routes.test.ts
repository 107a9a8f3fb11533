import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { CID } from 'multiformats/cid'
import t from 'tap'
import { createClient } from '../../../core/cli/client.ts'
import type { ImportEntry } from '../../../core/content/content.ts'
import { encodeTar } from '../../../core/control/tar.ts'
import {
  aborted,
  createTestNode,
  entriesFrom,
  exchangeWith,
  pattern,
  streamOf,
  turnsUntil,
} from '../../helpers/content-node.ts'
import { startContentServer } from '../../helpers/content-server.ts'

const MIB = 1024 * 1024

interface Added {
  readonly cid: string
  readonly size: number
  readonly files: number
}

async function* only(...chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}

async function start(t: Parameters<typeof startContentServer>[0], options?: { maxBytes: number }) {
  const server = await startContentServer(t, options)
  const client = createClient(server.socketPath)
  const add = (type: string, bytes: AsyncIterable<Uint8Array>, query = {}) =>
    client.operate<Added>({ method: 'POST', path: 'content', query, body: { type, bytes } })
  return {
    ...server,
    client,
    addFile: (bytes: Uint8Array, query = {}) => add('application/octet-stream', only(bytes), query),
    addTar: (bytes: Uint8Array, query = {}) => add('application/x-tar', only(bytes), query),
    cat: (path: string, query = {}) => bytesOf(client.download('content/cat', { query: { path, ...query } })),
    export: (path: string) => bytesOf(client.download('content/export', { query: { path } })),
  }
}

t.test('a file goes in and comes out', async t => {
  const { addFile, cat, pins } = await start(t)
  const bytes = randomBytes(3 * MIB + 17)
  const { cid, size, files } = await addFile(bytes, { name: 'mine' })
  t.same({ size, files }, { size: bytes.length, files: 1 })
  t.ok((await cat(cid)).equals(bytes))
  t.ok((await cat(`/ipfs/${cid}`, { offset: MIB - 1, length: 5 })).equals(bytes.subarray(MIB - 1, MIB + 4)))
  t.equal((await cat(cid, { offset: bytes.length + 1 })).length, 0, 'beyond the end is nothing')
  t.match(pins.get(CID.parse(cid)), { name: 'mine', state: 'pinned' })

  t.equal(
    (await addFile(Buffer.from('hello world\n'), { pin: false })).cid,
    'bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4',
    'the CID that other tools give',
  )
})

t.test("a plain tar goes in with the names and symlinks of a tree, and comes out as any tar's", async t => {
  const { directory, client, addTar, export: download } = await start(t)
  const sh = (script: string) => execFileSync('sh', ['-c', script], { cwd: directory })
  sh(
    'mkdir -p tree/sub && echo one > tree/a && echo two > tree/sub/b && ln -s sub/b tree/link && chmod 700 tree/a',
  )
  const plain = await addTar(sh('tar c -C tree .'))
  t.match(plain, { size: 8, files: 2 })

  const listed: unknown[] = []
  const onItem = (item: unknown) => listed.push(item)
  await client.operate({ method: 'GET', path: 'content/list', query: { path: plain.cid }, onItem })
  t.match(listed, [
    { name: 'a', type: 'file', size: 4 },
    { name: 'link', type: 'symlink' },
    { name: 'sub', type: 'directory' },
  ])

  execFileSync('tar', ['x', '-C', directory], { input: await download(plain.cid) })
  t.equal(String(sh(`diff -r --no-dereference tree ${plain.cid} && readlink ${plain.cid}/link`)), 'sub/b\n')
  execFileSync('tar', ['x', '-C', directory], { input: await download(`${plain.cid}/sub`) })
  t.equal(String(sh('cat sub/b')), 'two\n')
})

t.test('errors before the first byte have their code', async t => {
  const { client, cat, export: download, addFile, addTar } = await start(t)
  const { cid } = await addFile(Buffer.from('x'))
  await t.rejects(cat('not-a-cid'), { code: 'CID_INVALID' })
  await t.rejects(cat(`${cid}/x`), { code: 'PATH_NOT_FOUND' })
  await t.rejects(download('not-a-cid'), { code: 'CID_INVALID' })
  const missing = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'
  await t.rejects(cat(missing), { code: 'CONTENT_UNAVAILABLE' })
  await t.rejects(cat(cid, { offset: -1 }), { code: 'INPUT_INVALID' })
  await t.rejects(cat(cid, { from: 1 }), { code: 'INPUT_INVALID', message: /additional/ })
  await t.rejects(client.operate({ method: 'GET', path: 'content/list', query: { path: cid } }), {
    code: 'NOT_A_DIRECTORY',
  })

  await t.rejects(addTar(Buffer.alloc(2048, 7)), { code: 'TREE_INVALID' })
  const archive = execFileSync('tar', ['c', '-P', '--transform=s,^,../,', 'package.json'])
  await t.rejects(addTar(archive), { code: 'TREE_ENTRY_REFUSED' })
  const body = { type: 'application/json', bytes: only(Buffer.from('{}')) }
  await t.rejects(client.operate({ method: 'POST', path: 'content', body }), {
    code: 'INPUT_INVALID',
    message: /application\/json.*expected application\/octet-stream/,
  })
})

t.test('a block that is missing in the middle is an error, not a short file', async t => {
  const { addFile, cat, export: download, storage, pins } = await start(t)
  const bytes = randomBytes(20 * MIB)
  const { cid } = await addFile(bytes)
  await pins.remove(CID.parse(cid))
  // Leaves whose counts are gone may be evicted: here the one in the middle.
  const { sha256 } = await import('multiformats/hashes/sha2')
  const middle = await sha256.digest(bytes.subarray(15 * MIB, 16 * MIB))
  t.ok((await storage.blocks.delete([middle.bytes])) > 0)
  await t.rejects(cat(cid), { code: 'CONTENT_UNAVAILABLE' })
  await t.rejects(download(cid), { code: 'CONTENT_UNAVAILABLE' })
  t.equal((await cat(cid, { length: 15 * MIB })).length, 15 * MIB)
})

t.test('content that does not fit is refused while it is uploaded', async t => {
  const { client } = await start(t, { maxBytes: 16 * MIB })
  let produced = 0
  async function* endless() {
    for (;;) {
      produced += MIB
      yield randomBytes(MIB)
    }
  }
  const body = { type: 'application/octet-stream', bytes: endless() }
  await t.rejects(client.operate({ method: 'POST', path: 'content', body }), { code: 'STORAGE_FULL' })
  t.ok(produced < 128 * MIB)
})

t.test('an upload that breaks off leaves no pin', async t => {
  const { client, pins } = await start(t)
  async function* breaking() {
    yield randomBytes(5 * MIB)
    throw new Error('the cable is out')
  }
  const file = { type: 'file', path: 'a', size: 10 * MIB, bytes: breaking } as const
  async function* entries() {
    yield file
  }
  for (const body of [
    { type: 'application/octet-stream', bytes: breaking() },
    { type: 'application/x-tar', bytes: encodeTar(entries()) },
  ]) {
    await t.rejects(client.operate({ method: 'POST', path: 'content', body }), {
      message: 'the cable is out',
    })
  }
  t.same([...pins.list()], [])
})

t.test('a client that leaves ends what was fetched for it', async t => {
  const source = createTestNode()
  const entries = Array.from({ length: 3 }, (_, at): ImportEntry => {
    return { type: 'file', path: `many/${at}`, bytes: streamOf(pattern(3 * MIB, at + 1)) }
  })
  const { cid } = await source.content.add(entriesFrom(entries))
  for (const [route, path] of [
    ['content/cat', `${cid}/many/0`],
    ['content/export', `${cid}`],
  ] as const) {
    const { blocks, client, memory } = await start(t)
    const stop = new AbortController()
    let asked = 0
    // The first few come; the client leaves while it waits for the others.
    const exchange = exchangeWith(source.storage, (_, signal) => {
      asked += 1
      if (asked > 4) stop.abort(new Error('enough'))
      return asked > 4 ? aborted(signal) : undefined
    })
    blocks.attachExchange(exchange)
    await t.rejects(bytesOf(client.download(route, { query: { path }, signal: stop.signal })), /enough/)
    await turnsUntil(() => exchange.open === 0 && memory.usedBytes === 0)
    const { length } = exchange.fetched
    for (let turn = 0; turn < 50; turn++) await nextTurn()
    t.equal(exchange.fetched.length, length, `${route} asks for nothing more`)
  }
})

t.test('progress is told while a file is added', async t => {
  const { client } = await start(t)
  const seen: number[] = []
  async function* slowly() {
    for (let n = 0; n < 100; n++) {
      yield randomBytes(MIB)
      // Until the node has told of progress, it gets no more than this.
      if (n === 50) while (seen.length === 0) await new Promise(resolve => setImmediate(resolve))
    }
  }
  const onProgress = ({ bytes }: { bytes: number }) => seen.push(bytes)
  const body = { type: 'application/octet-stream', bytes: slowly() }
  await client.operate({ method: 'POST', path: 'content', body, onProgress })
  t.ok(seen.every((bytes, index) => bytes > (seen[index - 1] ?? 0) && bytes <= 100 * MIB))
})

t.test('pins', async t => {
  const { client, addFile, addTar } = await start(t)
  const { cid } = await addFile(Buffer.from('x'), { pin: false })
  const list = async () => {
    const items: object[] = []
    await client.operate<object, object>({ method: 'GET', path: 'pins', onItem: item => items.push(item) })
    return items
  }
  t.same(await list(), [])
  const add = (path: string, name?: string) =>
    client.operate<object>({ method: 'POST', path: 'pins', body: { path, name } })
  t.match(await add(cid, 'keep'), { cid, name: 'keep', state: 'pinned', createdMs: Number })
  t.match(await list(), [{ cid, name: 'keep', state: 'pinned' }])

  const tree = await addTar(execFileSync('tar', ['c', 'core/errors.ts']), { pin: false })
  t.match(await add(`${tree.cid}/core/errors.ts`), { state: 'pinned' }, 'by path')
  t.equal((await list()).length, 2)

  const remove = (path: string) => client.operate({ method: 'DELETE', path: 'pins', query: { path } })
  t.same(await remove(cid), { cid })
  await t.rejects(remove(cid), { code: 'NOT_PINNED' })
  await t.rejects(add('x'.repeat(5000)), { code: 'INPUT_INVALID' })
})
