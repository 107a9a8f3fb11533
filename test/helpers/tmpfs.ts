import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'

/**
 * A file system of its own below `place`, the test's directory by default, mounted with `options` (mount(8)); undefined where this user may not
 * mount one and nobody insists.
 */
export function mountTmpfs(
  t: Test,
  options: string,
  place = t.testdir(),
): (AsyncDisposable & { directory: string }) | undefined {
  const directory = join(place, 'tmpfs')
  mkdirSync(directory)
  const { status, stderr } = spawnSync('/bin/mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory])
  if (status !== 0) {
    if (process.env.CI === 'true') t.fail(`could not mount a file system: ${stderr}`)
    else t.pass('may not mount a file system here', { skip: true })
    return undefined
  }
  return {
    directory,
    async [Symbol.asyncDispose]() {
      // Lazy: a test that failed still has files open.
      spawnSync('/bin/umount', ['-l', directory])
    },
  }
}
