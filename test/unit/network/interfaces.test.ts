import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import t from 'tap'
import { createNamespace, namespacesMissing } from '../../helpers/namespace.ts'

const run = promisify(execFile)

interface Told {
  readonly event: string
  readonly reason?: string
  readonly addresses?: readonly string[]
}

t.test(
  'a network that comes, goes and comes back is noticed, and so are own addresses',
  { skip: await namespacesMissing() },
  async t => {
    await using namespace = await createNamespace()
    const ip = (...args: string[]) => run('ip', ['-n', namespace.name, ...args])
    const script = join(import.meta.dirname, 'watched-node.ts')
    const node = spawn('ip', ['netns', 'exec', namespace.name, process.execPath, script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const lines = createInterface({ input: node.stdout })[Symbol.asyncIterator]()
    const next = async (event: string): Promise<Told> => {
      for (;;) {
        const { value, done } = await lines.next()
        if (done) throw new Error(`the node ended before it told of ${event}`)
        const told = JSON.parse(value) as Told
        if (told.event === event) return told
      }
    }
    const hosts = ({ addresses = [] }: Told): string[] =>
      addresses.map(address => address.split('/')[2] ?? '').sort()

    t.strictSame(hosts(await next('started')), ['127.0.0.1'])
    await ip('link', 'add', 'here', 'type', 'veth', 'peer', 'name', 'there')
    await ip('address', 'add', '10.9.0.1/24', 'dev', 'here')
    await ip('link', 'set', 'there', 'up')
    await ip('link', 'set', 'here', 'up')
    t.match(hosts(await next('network:addresses')), ['10.9.0.1', '127.0.0.1'])
    t.equal((await next('network:changed')).reason, 'interfaces')
    await ip('link', 'set', 'there', 'down')
    t.notOk(hosts(await next('network:addresses')).includes('10.9.0.1'), 'without a carrier')
    await ip('link', 'set', 'there', 'up')
    t.ok(hosts(await next('network:addresses')).includes('10.9.0.1'), 'it is back, with the port of before')
    const ended = once(node, 'exit')
    node.stdin.end()
    t.strictSame(await ended, [0, null])
  },
)
