import { availableParallelism, totalmem } from 'node:os'
import t, { type Test } from 'tap'
import { type Machine, probeMachine } from '../../../core/resources/probe.ts'

const MiB = 1024 ** 2
const KIB_PER_MIB = 1024
const INSTALLED_MIB = 4096

interface Files {
  readonly [name: string]: string | Files
}

interface Tree {
  /** `/proc/self/cgroup`. */
  readonly cgroup?: string
  /** Beneath `/sys/fs/cgroup`. */
  readonly hierarchy?: Files
}

function probe(t: Test, { cgroup, hierarchy }: Tree): Promise<Machine> {
  const meminfo = `MemTotal:       ${INSTALLED_MIB * KIB_PER_MIB} kB\nMemFree:          123456 kB\n`
  const root = t.testdir({
    proc: cgroup === undefined ? { meminfo } : { meminfo, self: { cgroup } },
    sys: hierarchy ? { fs: { cgroup: hierarchy } } : {},
  })
  return probeMachine({ root, cores: 4 })
}

const unlimited: Machine = { memoryBytes: INSTALLED_MIB * MiB, cores: 4, memorySource: 'machine' }

t.test('no cgroups: the machine itself', async t => {
  t.strictSame(await probe(t, {}), unlimited)
})

t.test('no /proc: what the system says', async t => {
  t.strictSame(await probeMachine({ root: t.testdir({}) }), {
    memoryBytes: totalmem(),
    cores: availableParallelism(),
    memorySource: 'machine',
  })
})

t.test('cgroup v2: limits of the own group', async t => {
  const machine = await probe(t, {
    cgroup: '0::/system.slice/skep.service\n',
    hierarchy: {
      'system.slice': { 'skep.service': { 'memory.max': `${512 * MiB}\n`, 'cpu.max': '150000 100000\n' } },
    },
  })
  t.strictSame(machine, { memoryBytes: 512 * MiB, cores: 1.5, memorySource: 'cgroup v2' })
})

t.test('cgroup v2: the least limit on the way up counts', async t => {
  const machine = await probe(t, {
    cgroup: '0::/system.slice/skep.service\n',
    hierarchy: {
      'system.slice': {
        'memory.max': `${300 * MiB}\n`,
        'cpu.max': '200000 100000\n',
        'skep.service': { 'memory.max': `${512 * MiB}\n`, 'cpu.max': 'max 100000\n' },
      },
    },
  })
  t.strictSame(machine, { memoryBytes: 300 * MiB, cores: 2, memorySource: 'cgroup v2' })
})

t.test('cgroup v2: "max" is no limit, nor is more than there is', async t => {
  for (const limit of ['max\n', `${2 * INSTALLED_MIB * MiB}\n`]) {
    const hierarchy = { 'memory.max': limit, 'cpu.max': '800000 100000\n' }
    t.strictSame(await probe(t, { cgroup: '0::/\n', hierarchy }), unlimited)
  }
})

t.test('cgroup v2 in a container: its own group is the root, or leads out of it', async t => {
  for (const cgroup of ['0::/\n', '0::/../../outside\n']) {
    const machine = await probe(t, { cgroup, hierarchy: { 'memory.max': `${256 * MiB}\n` } })
    t.strictSame(machine, { memoryBytes: 256 * MiB, cores: 4, memorySource: 'cgroup v2' })
  }
})

const V1_NO_LIMIT = '9223372036854771712\n'

t.test('cgroup v1: limits of the own group and those above', async t => {
  const machine = await probe(t, {
    cgroup: '12:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n0::/\n',
    hierarchy: {
      memory: {
        'memory.limit_in_bytes': V1_NO_LIMIT,
        docker: {
          'memory.limit_in_bytes': V1_NO_LIMIT,
          abc: { 'memory.limit_in_bytes': `${700 * MiB}\n` },
        },
      },
      cpu: {
        'cpu.cfs_quota_us': '-1\n',
        'cpu.cfs_period_us': '100000\n',
        docker: { abc: { 'cpu.cfs_quota_us': '50000\n', 'cpu.cfs_period_us': '100000\n' } },
      },
    },
  })
  t.strictSame(machine, { memoryBytes: 700 * MiB, cores: 0.5, memorySource: 'cgroup v1' })
})

t.test("cgroup v1 in a container: the host's path isn't there, the root is", async t => {
  const machine = await probe(t, {
    cgroup: '12:memory:/docker/abc\n',
    hierarchy: { memory: { 'memory.limit_in_bytes': `${128 * MiB}\n` } },
  })
  t.strictSame(machine, { memoryBytes: 128 * MiB, cores: 4, memorySource: 'cgroup v1' })
})

t.test('files that say something else are no limits', async t => {
  const machine = await probe(t, {
    cgroup: 'nonsense\n',
    hierarchy: { 'memory.max': 'plenty\n', 'cpu.max': '\n', memory: { 'memory.limit_in_bytes': '' } },
  })
  t.strictSame(machine, unlimited)
})

t.test('this machine', async t => {
  const machine = await probeMachine()
  t.ok(machine.memoryBytes > 0 && machine.memoryBytes <= totalmem())
  t.ok(machine.cores > 0 && machine.cores <= availableParallelism())
})
