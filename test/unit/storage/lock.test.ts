import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { lockDirectory } from '../../../core/storage/lock.ts'
import { eventually } from '../../helpers/eventually.ts'
import { openAt } from './stores.ts'

t.test('one at a time', async t => {
  const directory = t.testdir()
  const lock = await lockDirectory(directory)
  await t.rejects(lockDirectory(directory), {
    code: 'STORAGE_LOCKED',
    message: new RegExp(`process ${process.pid}$`),
  })
  await lock.release()
  await lock.release()
  t.same(readdirSync(directory), [])
  await (await lockDirectory(directory)).release()
})

t.test('a second process is refused, and told who holds the directory', async t => {
  const directory = t.testdir()
  const script = new URL('put-forever.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [script, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  child.stdout.resume()
  await t.rejects(openAt(t, directory), {
    code: 'STORAGE_LOCKED',
    message: new RegExp(`process ${child.pid}$`),
  })
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
  const storage = await openAt(t, directory)
  t.ok(storage.blocks.stats().blocks > 0, 'once it is gone its lock is nothing')
  await storage.close()
})

t.test('stale locks', async t => {
  const stale = {
    'of another boot': JSON.stringify({ pid: process.pid, started: '1', boot: 'another' }),
    'of a process whose number another one has': JSON.stringify({ pid: process.pid, started: '1', boot: '' }),
    'cut short by a power loss': '{"pid": 1',
    empty: '',
  }
  for (const [name, content] of Object.entries(stale)) {
    const directory = t.testdir({ 'lock.1': content })
    const locks = await Promise.allSettled([1, 2, 3, 4].map(() => lockDirectory(directory)))
    const held = locks.filter(({ status }) => status === 'fulfilled')
    t.equal(held.length, 1, `${name}: just one takes over`)
    for (const lock of locks) {
      if (lock.status === 'fulfilled') await lock.value.release()
      else t.equal(lock.reason.code, 'STORAGE_LOCKED')
    }
    t.same(readdirSync(directory), [])
  }
})

t.test('a holder that has ended, though its parent has not asked how', async t => {
  // The shell would ask how its child ended; the `sleep` that takes its place never does.
  const parent = spawn('sh', ['-c', 'exec 3<&0; read line <&3 & echo $!; exec sleep 60'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.teardown(() => parent.kill())
  const [line] = await once(parent.stdout, 'data')
  const pid = Number(line)
  await eventually(
    'the parent',
    () => readFileSync(`/proc/${parent.pid}/comm`, 'utf8') === 'sleep\n' || undefined,
  )
  parent.stdin.end()
  const fields = await eventually('the zombie', () => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const rest = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return rest[0] === 'Z' ? rest : undefined
  })
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  const directory = t.testdir({ 'lock.1': JSON.stringify({ pid, started: fields[19], boot }) })
  await (await lockDirectory(directory)).release()
})

t.test('what is not a lock is left alone', async t => {
  const directory = t.testdir()
  writeFileSync(join(directory, 'lock.txt'), 'mine')
  const lock = await lockDirectory(directory)
  await lock.release()
  t.same(readdirSync(directory), ['lock.txt'])
})
