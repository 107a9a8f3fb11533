import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, statfsSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { findMedium, type Medium } from '../../../core/resources/write-counters.ts'

const MIB = 1024 * 1024

interface Files {
  [name: string]: string | Files
}

interface Tree {
  /** Whether the data lies on a partition of `mmcblk0` or on the disk itself; `none`: on neither. */
  readonly on: 'partition' | 'disk' | 'none'
  readonly io?: string
  /** `/proc/self/cgroup`. */
  readonly cgroup?: string
  /** Beneath `/sys/fs/cgroup`. */
  readonly hierarchy?: Files
  readonly stat?: string
}

const DISK_SECTORS = 62_500_000
const stat = (sectors: number): string => `  93 0 2388 3 637 397 ${sectors} 147 0 116 249 0 0 0 0 287 99\n`
const io = (written: number, cancelled: number, wchar: number): string =>
  `rchar: 1\nwchar: ${wchar}\nsyscr: 1\nsyscw: 1\nread_bytes: 1\nwrite_bytes: ${written}\ncancelled_write_bytes: ${cancelled}\n`

/** A machine whose `/sys` has the file system of the test as a disk, or part of one. */
async function medium(t: Test, { on, cgroup, hierarchy, ...files }: Tree): Promise<Medium> {
  const directory = t.testdir()
  const { dev } = statSync(directory)
  const number = `${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`
  const disk = '../../devices/platform/mmc0/block/mmcblk0'
  const diskNumber = on === 'partition' ? '179:0' : number
  const root = t.testdir({
    proc: { self: { ...(files.io && { io: files.io }), ...(cgroup && { cgroup }) } },
    sys: {
      ...(hierarchy && { fs: { cgroup: hierarchy } }),
      dev: {
        block:
          on === 'none' ? {} : { [number]: t.fixture('symlink', on === 'disk' ? disk : `${disk}/mmcblk0p2`) },
      },
      devices: {
        platform: {
          mmc0: {
            block: {
              mmcblk0: {
                dev: `${diskNumber}\n`,
                size: `${DISK_SECTORS}\n`,
                stat: files.stat ?? stat(16_102),
                mmcblk0p2: { dev: `${number}\n`, size: '1000\n', stat: stat(5), partition: '2\n' },
              },
            },
          },
        },
      },
    },
  })
  return findMedium(root, { root })
}

t.test('the whole disk counts, also where the data is on a partition of it', async t => {
  for (const on of ['disk', 'partition'] as const) {
    const found = await medium(t, { on, io: io(5000, 1000, 9000) })
    t.equal(found.device, 'mmcblk0')
    t.equal(found.capacityBytes, DISK_SECTORS * 512)
    t.same(found.read(), { device: 16_102 * 512, process: 4000, wchar: 9000 })
  }
})

t.test('a file system without a disk of its own: the process is asked', async t => {
  const found = await medium(t, {
    on: 'none',
    io: io(5000, 0, 9000),
    cgroup: '0::/a\n',
    hierarchy: { a: {} },
  })
  t.equal(found.device, undefined)
  const { blocks, bsize } = statfsSync(t.testdirName)
  t.equal(found.capacityBytes, blocks * bsize)
  t.same(found.read(), { process: 5000, wchar: 9000 })
})

t.test('nothing counts: no source', async t => {
  const found = await medium(t, { on: 'none' })
  t.same(found.read(), {})
})

const ioStat =
  '8:0 rbytes=1 wbytes=777 rios=1 wios=1 dbytes=0 dios=0\n179:0 rbytes=5 wbytes=123456 rios=7 wios=8 dbytes=9 dios=1\n'
const service = (files: Files): Files => ({ 'system.slice': { 'skep.service': files } })
const cgroup = '0::/system.slice/skep.service\n'

t.test('cgroup v2: the line of the disk, in the own group', async t => {
  const on = 'partition'
  const read = async (files: Files): Promise<number | undefined> =>
    (await medium(t, { on, cgroup, hierarchy: service(files) })).read().cgroup
  t.equal(await read({ 'cgroup.events': 'populated 1\n', 'io.stat': ioStat }), 123_456)
  t.equal(await read({ 'cgroup.events': 'populated 1\n', 'io.stat': '' }), 0, 'nothing written yet')
  t.equal(await read({ 'cgroup.events': 'populated 1\n' }), undefined, 'the controller is off')
})

t.test('cgroup v2: the root of all counts the whole machine', async t => {
  const hierarchy = { 'io.stat': ioStat }
  t.equal((await medium(t, { on: 'partition', cgroup: '0::/\n', hierarchy })).read().cgroup, undefined)
  const container = { ...hierarchy, 'cgroup.events': 'populated 1\n' }
  t.equal(
    (await medium(t, { on: 'partition', cgroup: '0::/\n', hierarchy: container })).read().cgroup,
    123_456,
    'that of a container is its own',
  )
})

t.test('cgroup v1', async t => {
  const bytes = '179:0 Read 5\n179:0 Write 4321\n179:0 Sync 4\n8:0 Write 1\nTotal 4326\n'
  const read = async (path: string, files: Files): Promise<number | undefined> =>
    (
      await medium(t, {
        on: 'partition',
        cgroup: `12:memory:/x\n3:foo,blkio:${path}\n0::/\n`,
        hierarchy: { blkio: files },
      })
    ).read().cgroup
  const file = { 'blkio.throttle.io_service_bytes': bytes }
  t.equal(await read('/docker/abc', { docker: { abc: file } }), 4321)
  t.equal(
    await read('/docker/abc', { docker: { abc: { 'blkio.throttle.io_service_bytes': 'Total 0\n' } } }),
    0,
  )
  t.equal(await read('/docker/abc', {}), undefined)
  t.equal(await read('/', file), undefined, 'the whole machine')
})

t.test('files that say something else leave their source out', async t => {
  const found = await medium(t, { on: 'disk', stat: 'nonsense\n', io: 'nonsense\n', cgroup: 'nonsense\n' })
  t.same(found.read(), {})
})

t.test('this machine: what is written and flushed is seen', async t => {
  const directory = t.testdir()
  const found = await findMedium(directory)
  t.ok(found.capacityBytes > 0)
  const before = found.read()
  const file = openSync(join(directory, 'random'), 'w')
  for (let i = 0; i < 64; i++) writeSync(file, randomBytes(MIB))
  fsyncSync(file)
  closeSync(file)
  const after = found.read()
  const handed = (after.wchar ?? 0) - (before.wchar ?? 0)
  t.ok(handed >= 64 * MIB, `wchar rose by ${handed}`)
  const names = (['cgroup', 'device', 'process'] as const).filter(name => before[name] !== undefined)
  t.ok(names.length > 0)
  for (const name of names) {
    const rise = (after[name] ?? 0) - (before[name] ?? 0)
    // A group that has no part in writing back sees nothing of it: that is what the choice of a source is for.
    if (name === 'cgroup' && rise === 0) continue
    t.ok(rise >= 64 * MIB, `${name} rose by ${rise}`)
    if (name === 'process') t.ok(rise <= 4 * 64 * MIB, `${name} is within reason: ${rise}`)
  }
})
