import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { eventually } from '../../helpers/eventually.ts'
import { QUIET } from '../../helpers/quiet-node.ts'
import { SkepProcess } from '../../helpers/skep-process.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'
import { mountTmpfs } from '../../helpers/tmpfs.ts'

const MIB = 1024 * 1024
const CLI = fileURLToPath(new URL('../../../core/cli/main.ts', import.meta.url))

/** As an ordinary user is, also where this is run by root: permissions count. */
const WITHOUT_PRIVILEGE = [
  ...(process.getuid?.() === 0 ? ['setpriv', '--bounding-set', '-dac_override,-dac_read_search'] : []),
  ...[process.execPath, CLI],
]

/** The disk is the bound, and every health check writes. */
const SETTINGS = [
  ...QUIET,
  ...['storage.maxBytes=1GiB', 'storage.minFreeDiskBytes=0', 'plugins.monitoring.writeProofMs=0s'].flatMap(
    setting => ['--set', setting],
  ),
]

const WELL = /^200 .*"phase":"ready"/

async function onSmallDisk(t: Test, trouble: (node: SkepProcess, disk: string) => Promise<void>) {
  await using disk = mountTmpfs(t, `size=${48 * MIB}`, await temporaryDirectory(t))
  if (!disk) return
  const data = join(disk.directory, 'data')
  mkdirSync(data)
  const node = await SkepProcess.start(data, SETTINGS, { program: WITHOUT_PRIVILEGE })
  try {
    await untilItSays(node, WELL)
    const kept = randomBytes(2 * MIB)
    const { cid } = await node.json<{ cid: string }>(['add', '-q'], { input: kept })
    await trouble(node, disk.directory)
    await untilItSays(node, WELL)
    t.match(await add(node), { code: 0 }, 'and takes content')
    const output = join(disk.directory, 'output')
    t.match(await node.run(['get', cid, '-o', output]), { code: 0 }, 'what it had is there')
    t.match(await node.json(['verify', cid]), { damaged: 0 })
  } finally {
    t.equal(await node.end(), 0, 'the process that was started is the one that ends')
  }
}

/** Resolves when the node's readiness says what matches. Answers of a few seconds ago are given again. */
async function untilItSays(node: SkepProcess, expected: RegExp): Promise<void> {
  await eventually(`the node to say ${expected}`, async () => {
    const answer = await fetch(`${node.ready.monitoring}/readyz`)
    return expected.test(`${answer.status} ${await answer.text()}`) ? true : undefined
  })
}

const add = (node: SkepProcess, bytes = 3 * MIB) =>
  node.run(['add', '-', '--json'], { input: randomBytes(bytes) })

/** Of another size than what is there, so that it wants a file of its own: those that are open could be written to. */
const OTHER_BYTES = 100 * 1024

t.test('a full disk', t =>
  onSmallDisk(t, async (node, disk) => {
    const ballast = join(disk, 'ballast')
    t.throws(() => writeFileSync(ballast, Buffer.alloc(64 * MIB)), { code: 'ENOSPC' })
    const { code, stderr } = await add(node)
    t.equal(code, 1)
    t.match(JSON.parse(stderr), { error: { code: 'STORAGE_FULL', fix: /free space/ } })
    await untilItSays(node, /degraded.*the disk is full/)
    rmSync(ballast)
  }),
)

t.test('a disk that was made read-only', t =>
  onSmallDisk(t, async (node, disk) => {
    const mount = (...args: string[]): number | null => spawnSync('/bin/mount', args).status
    // A disk with errors is remounted by the kernel; from outside that takes a mount above, as files are open for writing.
    t.equal(mount('--bind', disk, disk), 0)
    t.equal(mount('-o', 'remount,bind,ro', disk), 0)
    const { code, stderr } = await add(node, OTHER_BYTES)
    t.equal(code, 1)
    t.match(JSON.parse(stderr), { error: { code: 'STORAGE_FAILED' } })
    await untilItSays(node, /^503 .*(EROFS|read-only)/)
    t.equal(spawnSync('/bin/umount', [disk]).status, 0)
  }),
)

t.test('a directory that the node may not write to any more', t =>
  onSmallDisk(t, async (node, disk) => {
    const places = [join(disk, 'data'), join(disk, 'data', 'segments')]
    for (const place of places) chmodSync(place, 0o500)
    const { code, stderr } = await add(node, OTHER_BYTES)
    t.equal(code, 1)
    t.match(JSON.parse(stderr), { error: { code: 'STORAGE_FAILED' } })
    await untilItSays(node, /^503 .*(EACCES|permission)/)
    for (const place of places) chmodSync(place, 0o700)
  }),
)
