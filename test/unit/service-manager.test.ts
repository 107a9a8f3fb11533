import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { silentLogger } from '../../core/logger.ts'
import { createServiceManager } from '../../core/service-manager.ts'
import type { NodeStatus } from '../../core/state/node-state.ts'
import { createNotifyReceiver, type NotifyReceiver } from '../helpers/notify-receiver.ts'
import { SkepProcess } from '../helpers/skep-process.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'

type Status = Pick<NodeStatus, 'phase' | 'reasons'>

const READY: Status = { phase: 'ready', reasons: [] }

/** What is tried here is the real `systemd-notify`. In CI its absence has to fail. */
function notifyMissing(): string | false {
  if (process.env.CI === 'true') return false
  try {
    execFileSync('systemd-notify', ['--version'])
    return false
  } catch (error) {
    return `systemd-notify does not run here: ${error}`
  }
}

async function listen(t: Test): Promise<{ receiver: NotifyReceiver; env: NodeJS.ProcessEnv }> {
  const NOTIFY_SOCKET = join(await temporaryDirectory(t), 'notify')
  const receiver = await createNotifyReceiver(NOTIFY_SOCKET)
  t.teardown(() => receiver[Symbol.asyncDispose]())
  return { receiver, env: { PATH: process.env.PATH, NOTIFY_SOCKET } }
}

t.test('without a service manager nothing is asked and nothing is said', async () => {
  const status = (): never => {
    throw new Error('asked')
  }
  const manager = createServiceManager({ env: { WATCHDOG_USEC: '1' } }, { status, log: silentLogger })
  await manager.ready()
  await manager.stopping()
})

t.test('a service manager', { skip: notifyMissing() }, async t => {
  t.test('hears that the node is ready, that it lives, and that it stops', async t => {
    const { receiver, env } = await listen(t)
    const watched = { ...env, WATCHDOG_USEC: '100000', WATCHDOG_PID: `${process.pid}` }
    let status: Status = READY
    const manager = createServiceManager({ env: watched }, { status: () => status, log: silentLogger })
    await manager.ready()
    await receiver.hears('STATUS=ready')
    status = { phase: 'degraded', reasons: ['gateway: port\n8080 taken', 'cache: slow'] }
    await receiver.hears('STATUS=degraded; gateway: port 8080 taken; cache: slow')
    await receiver.hears('WATCHDOG=1', 3)
    await manager.stopping()
    await receiver.hears('STATUS=stopping')
    const said = receiver.heard.filter(line => line !== 'BARRIER=1')
    t.equal(said[0], 'READY=1')
    t.strictSame(said.slice(-2), ['STOPPING=1', 'STATUS=stopping'])
  })

  t.test('hears no sign of life of a node that can not tell how it is', async t => {
    const { receiver, env } = await listen(t)
    let asked = 0
    const status = (): Status => {
      asked += 1
      if (asked === 4) t.notOk(receiver.heard.includes('WATCHDOG=1'), 'nothing so far')
      if (asked > 1 && asked < 4) throw new Error('the store does not answer')
      return READY
    }
    const manager = createServiceManager(
      { env: { ...env, WATCHDOG_USEC: '20000' } },
      { status, log: silentLogger },
    )
    await manager.ready()
    await receiver.hears('WATCHDOG=1')
    t.ok(asked >= 4)
    await manager.stopping()
  })

  t.test('hears signs of life only of the process it watches', async t => {
    const { receiver, env } = await listen(t)
    const create = (pid: number, phase: NodeStatus['phase']) =>
      createServiceManager(
        { env: { ...env, WATCHDOG_USEC: '20000', WATCHDOG_PID: `${pid}` } },
        { status: () => ({ phase, reasons: [] }), log: silentLogger },
      )
    const [other, own] = [create(process.ppid, 'degraded'), create(process.pid, 'ready')]
    await other.ready()
    await own.ready()
    await receiver.hears('WATCHDOG=1', 3)
    t.equal(receiver.heard.filter(line => line === 'STATUS=degraded').length, 1)
    await Promise.all([own.stopping(), other.stopping()])
  })

  t.test('that is gone is a line in the log', async t => {
    const lines: string[] = []
    const log = pino({}, { write: line => void lines.push(line) })
    const env = { PATH: process.env.PATH, NOTIFY_SOCKET: join(await temporaryDirectory(t), 'nobody') }
    const manager = createServiceManager({ env }, { status: () => READY, log })
    await manager.ready()
    await manager.stopping()
    t.match(lines, [/not told.*READY=1|READY=1.*not told/, /STOPPING=1/])
  })

  t.test('hears of a node once its commands are answered, and when it is told to stop', async t => {
    const { receiver, env } = await listen(t)
    const args = ['--set', 'plugins.monitoring.port=0', '--set', 'plugins.discovery.mdns.enabled=false']
    const { NOTIFY_SOCKET = '' } = env
    const starting = SkepProcess.start(await temporaryDirectory(t), args, {
      env: { NOTIFY_SOCKET, WATCHDOG_USEC: '1000000' },
    })
    await receiver.hears('READY=1')
    const node = await starting
    t.match(await node.run(['status']), { code: 0 })
    await receiver.hears('WATCHDOG=1')
    t.match(await node.run(['stop']), { code: 0 })
    await receiver.hears('STOPPING=1')
    t.equal(await node.end(), 0)
  })
})
