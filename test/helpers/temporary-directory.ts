import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

/** An empty directory that goes with the test. Its path is short: `t.testdir()` gives ones too long for a socket in them. */
export async function temporaryDirectory(t: Test): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'skep-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  return directory
}
