import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import t from 'tap'
import { createClient } from '../../../core/cli/client.ts'
import { openSharedFile, readSharedFile, sharedFileOf } from '../../../core/control/shared-file.ts'
import { bytesOf } from '../../helpers/content-node.ts'
import { startContentServer } from '../../helpers/content-server.ts'
import { skep } from '../../helpers/skep-process.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

const MIB = 1024 * 1024

interface Added {
  readonly cid: string
  readonly size: number
  readonly files: number
}

function claimOf(path: string) {
  return sharedFileOf(path, statSync(path, { bigint: true }))
}

/** A server, and a file beside its socket. */
async function start(
  test: Parameters<typeof startContentServer>[0],
  bytes: Uint8Array,
  options?: Parameters<typeof startContentServer>[1],
) {
  const server = await startContentServer(test, options)
  const path = join(server.directory, 'file')
  writeFileSync(path, bytes)
  const client = createClient(server.socketPath)
  const addFile = (file: object, options = {}) =>
    client.operate<Added>({ method: 'POST', path: 'content/file', body: { file, ...options } })
  return { ...server, path, client, addFile }
}

t.test('a file that the node reads itself is the one that is sent', async t => {
  for (const length of [0, 1, MIB, 2 * MIB, 3 * MIB + 17]) {
    const bytes = randomBytes(length)
    const { addFile, client, content, pins, memory, path } = await start(t, bytes)
    const added = await addFile(claimOf(path), { name: 'mine' })
    const body = { type: 'application/octet-stream', bytes: [bytes].values() as never }
    const sent = await client.operate<Added>({ method: 'POST', path: 'content', body })
    t.same(added, sent, `${length} bytes`)
    t.match(added, { size: length, files: 1 })
    t.ok((await bytesOf(content.cat(added.cid))).equals(bytes))
    t.match(pins.get(CID.parse(added.cid)), { name: 'mine', state: 'pinned' })
    t.equal(memory.usedBytes, 0)
  }
})

t.test('permissions and times count as they do for bytes that are sent', async t => {
  const { addFile, client, path } = await start(t, Buffer.from('honey'))
  const attributes = { mode: 0o600, mtimeMs: 1_700_000_000_000 }
  const body = { type: 'application/octet-stream', bytes: [Buffer.from('honey')].values() as never }
  const sent = await client.operate<Added>({ method: 'POST', path: 'content', query: attributes, body })
  t.same(await addFile(claimOf(path), attributes), sent)
})

t.test('what the node can not read, or sees otherwise, is not taken', async t => {
  const { addFile, directory, path } = await start(t, Buffer.from('honey'))
  const refused = (file: object, what: string) => t.rejects(addFile(file), { code: 'FILE_NOT_SHARED' }, what)
  const claim = claimOf(path)
  await refused({ ...claim, path: join(directory, 'nothing') }, 'no such file')
  await refused({ ...claim, ino: '1' }, 'another file')
  await refused({ ...claim, dev: '1' }, 'another disk')
  await refused({ ...claim, size: 4 }, 'another size')
  await refused({ ...claim, mtime: '5' }, 'another time')
  await refused(claimOf(directory), 'a directory')
  const link = join(directory, 'link')
  execFileSync('ln', ['-s', path, link])
  await refused({ ...claim, path: link }, 'a symlink')
  const pipe = join(directory, 'pipe')
  execFileSync('mkfifo', [pipe])
  await refused(claimOf(pipe), 'a pipe, without waiting for a writer')
  await t.rejects(addFile({ ...claim, path: 'file' }), { code: 'INPUT_INVALID' }, 'a relative path')
})

t.test('a file that changes while it is read is refused', async t => {
  const changes = {
    grown: (path: string) => appendFileSync(path, 'more'),
    cut: (path: string) => truncateSync(path, 2 * MIB),
    touched: (path: string) => execFileSync('touch', [path]),
  }
  for (const [what, change] of Object.entries(changes)) {
    const path = join(await temporaryDirectory(t), 'file')
    writeFileSync(path, randomBytes(4 * MIB))
    const claim = claimOf(path)
    await using handle = await openSharedFile(claim)
    const pieces = readSharedFile(handle, claim)
    await pieces.next()
    change(path)
    await t.rejects(bytesOf(pieces), { code: 'INPUT_CHANGED' }, what)
  }
})

t.test('the command lets the node read, and sends the bytes where it may not', async t => {
  const bytes = randomBytes(MIB + 1)
  const cids: string[] = []
  for (const way of ['file', 'stream'] as const) {
    const { content, path, socketPath } = await start(t, bytes, { ways: [way] })
    const { code, stdout, stderr } = await skep(['add', '-q', path, '--socket', socketPath])
    t.equal(code, 0, stderr)
    const cid = stdout.trim()
    if (way === 'stream') t.ok((await bytesOf(content.cat(cid))).equals(bytes))
    cids.push(cid)
  }
  t.equal(cids[0], cids[1])
})
