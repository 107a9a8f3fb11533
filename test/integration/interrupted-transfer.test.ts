import { statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { QUIET } from '../helpers/quiet-node.ts'
import { SkepProcess } from '../helpers/skep-process.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { hashFile } from '../helpers/tree.ts'

const MIB = 1024 * 1024

/** So much has arrived when the kill comes: some blocks are whole, most are still missing. */
const SOME_BYTES = 8 * MIB

const some = (node: SkepProcess): Promise<true> =>
  eventually('the first blocks to arrive', async () => {
    const { storage } = await node.status()
    return storage.blockBytes > SOME_BYTES || undefined
  })

async function connect(from: SkepProcess, to: SkepProcess): Promise<void> {
  await from.json(['connect', to.ready.addresses[0] ?? ''])
}

t.test('a transfer that a kill cuts short is finished by the same command', async t => {
  const directory = await temporaryDirectory(t)
  const start = async (name: string): Promise<SkepProcess> => {
    const node = await SkepProcess.start(join(directory, name), QUIET)
    t.teardown(() => node.end('SIGKILL'))
    return node
  }
  const original = await hashFile(process.execPath)
  let sender = await start('sender')
  const { cid } = await sender.json<{ cid: string }>(['add', process.execPath])

  await t.test('the sender is killed', async t => {
    const receiver = await start('receiver-1')
    await connect(receiver, sender)
    const output = join(directory, 'output-1')
    const get = ['get', cid, '-o', output, '--json']
    const interrupted = receiver.run(get)
    await some(receiver)
    await sender.end('SIGKILL')
    sender = await start('sender')
    await connect(receiver, sender)
    const { code } = await interrupted
    if (code !== 0) t.equal((await receiver.run(get)).code, 0, 'the same command again finishes')
    t.equal(await hashFile(output), original)
    await receiver.end()
  })

  await t.test('the receiver is killed', async t => {
    const killed = await start('receiver-2')
    await connect(killed, sender)
    const output = join(directory, 'output-2')
    const get = ['get', cid, '-o', output, '--json']
    const interrupted = killed.run(get)
    await some(killed)
    await killed.end('SIGKILL')
    const { code, stderr } = await interrupted
    t.equal(code, 1)
    t.match(JSON.parse(stderr).error, { code: 'NODE_GONE' })

    const restarted = await start('receiver-2')
    const { storage } = await restarted.status()
    t.ok(storage.blockBytes > 0, 'what had arrived is still there')
    await connect(restarted, sender)
    t.equal((await restarted.run(get)).code, 0)
    t.equal(await hashFile(output), original)
    const { details } = await restarted.status()
    const { bytesReceived } = details.exchange as { bytesReceived: number }
    t.ok(bytesReceived < statSync(process.execPath).size, 'and was not asked for again')
  })
})

t.test('what `add` has acknowledged survives a kill right after', async t => {
  const directory = await temporaryDirectory(t)
  const node = await SkepProcess.start(directory, QUIET)
  t.teardown(() => node.end('SIGKILL'))
  const { cid } = await node.json<{ cid: string }>(['add', process.execPath])
  await node.end('SIGKILL')

  const again = await SkepProcess.start(directory, QUIET)
  t.teardown(() => again.end())
  const output = join(directory, 'output')
  t.equal((await again.run(['get', cid, '-o', output])).code, 0)
  t.equal(await hashFile(output), await hashFile(process.execPath))
  t.match(await again.json(['pin', 'ls']), { cid, state: 'pinned' })
})
