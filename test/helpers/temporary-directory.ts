import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

/** A directory whose path is short enough for a unix socket, which `t.testdir()` isn't. Goes with the test. */
export function temporaryDirectory(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'skep-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}
