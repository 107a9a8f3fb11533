import { execFile } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { sha256OfFile, writeChecksums } from '../../scripts/package/checksums.ts'
import { ROOT } from '../../scripts/package/settings.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { type Outcome, toolsMissing } from './debian-machine.ts'

const run = promisify(execFile)

/** What is tried is what the script refuses, and how it says so. That it installs is tried on a machine to install on. */
const skip = toolsMissing('dpkg-deb', 'sha256sum')

/** A directory as one downloads it: the script, packages and their checksums. */
async function download(t: Test, ...packages: readonly { version: string; architecture: string }[]) {
  const directory = await temporaryDirectory(t)
  copyFileSync(join(ROOT, 'scripts/install.sh'), join(directory, 'install.sh'))
  for (const one of packages) await makePackage(directory, one)
  writeChecksums(directory)
  return directory
}

async function makePackage(
  directory: string,
  fields: { name?: string; version: string; architecture: string },
): Promise<void> {
  const { name = 'skep', version, architecture } = fields
  const tree = join(directory, 'tree')
  mkdirSync(join(tree, 'DEBIAN'), { recursive: true })
  const control = `Package: ${name}\nVersion: ${version}\nArchitecture: ${architecture}\nMaintainer: a <a@b>\nDescription: x\n`
  writeFileSync(join(tree, 'DEBIAN/control'), control)
  await run('dpkg-deb', ['--build', '-Znone', tree, join(directory, `skep_${version}_${architecture}.deb`)])
  rmSync(tree, { recursive: true })
}

/** Runs the script as a user would who is nobody special; `programs` stand for those of another machine. */
async function install(
  directory: string,
  args: readonly string[],
  programs: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const other = join(directory, 'other-machine')
  mkdirSync(other, { recursive: true })
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(other, name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(other, name), 0o755)
  }
  const env = { ...process.env, PATH: `${other}:${process.env.PATH}` }
  try {
    return {
      code: 0,
      ...(await run('sh', [join(directory, 'install.sh'), ...args], { env, cwd: directory })),
    }
  } catch (error) {
    return error as Outcome
  }
}

t.test('scripts/install.sh', { skip }, async t => {
  const { stdout } = await run('dpkg', ['--print-architecture'])
  const architecture = stdout.trim()
  const foreign = architecture === 'arm64' ? 'amd64' : 'arm64'
  const dry = ['--dry-run']

  t.test('takes the newest package beside it that fits, and changes nothing in a dry run', async t => {
    const directory = await download(
      t,
      { version: '0.9.0', architecture },
      { version: '0.10.0', architecture },
      { version: '0.10.0~rc.1', architecture },
      { version: '0.11.0', architecture: foreign },
    )
    const { code, stdout } = await install(directory, dry)
    t.equal(code, 0)
    t.match(stdout, /^All is well\. Would run: apt-get install .*\/skep_0\.10\.0_\w+\.deb$/m)
  })

  t.test('tells how it is used', async t => {
    const directory = await download(t)
    t.match(await install(directory, ['--help']), { code: 0, stdout: /^Usage: install\.sh/ })
    t.match(await install(directory, ['--frob']), { code: 2, stderr: /unknown option --frob.*Usage/s })
    t.match(await install(directory, ['a.deb', 'b.deb']), { code: 2, stderr: /Usage/ })
  })

  t.test('refuses what it can not trust', async t => {
    const directory = await download(t, { version: '1.0.0', architecture })
    const file = join(directory, `skep_1.0.0_${architecture}.deb`)
    const sums = join(directory, 'SHA256SUMS')
    const released = sha256OfFile(file)
    writeFileSync(file, 'tampered', { flag: 'a' })
    const damaged = await install(directory, dry)
    t.match(damaged, { code: 1, stdout: '', stderr: /damaged or not what was released/ })
    t.match(damaged.stderr, `expected ${released}`)

    writeFileSync(sums, `${released}  another.deb\n`)
    t.match(await install(directory, dry), { code: 1, stderr: /SHA256SUMS does not list skep_1\.0\.0/ })
    rmSync(sums)
    t.match(await install(directory, dry), { code: 1, stderr: /no SHA256SUMS beside/ })
  })

  t.test('refuses packages that are not there, not for this machine, or not skep', async t => {
    const directory = await download(t, { version: '1.0.0', architecture: foreign })
    t.match(await install(directory, dry), { code: 1, stderr: `no skep_VERSION_${architecture}.deb` })
    t.match(await install(directory, [...dry, 'nothing.deb']), {
      code: 1,
      stderr: /nothing\.deb: no such file/,
    })
    t.match(await install(directory, [...dry, `skep_1.0.0_${foreign}.deb`]), {
      code: 1,
      stderr: `is for ${foreign}, and this system is ${architecture}`,
    })
    await makePackage(directory, { name: 'other', version: '2.0.0', architecture })
    writeChecksums(directory)
    t.match(await install(directory, dry), { code: 1, stderr: /is not skep/ })
  })

  t.test('refuses machines that skep does not run on', async t => {
    const directory = await download(t, { version: '1.0.0', architecture })
    const armhf = await install(directory, dry, { dpkg: 'echo armhf' })
    t.match(armhf, { code: 1, stderr: /32-bit \(armhf\).*64-bit/ })
    t.match(await install(directory, dry, { dpkg: 'echo riscv64' }), {
      code: 1,
      stderr: /this system is riscv64/,
    })
    rmSync(join(directory, 'other-machine'), { recursive: true })
    const old = await install(directory, dry, { getconf: 'echo glibc 2.31' })
    t.match(old, { code: 1, stderr: /glibc is 2\.31, and skep needs 2\.34.*Debian 12/ })
    t.match(await install(directory, dry, { getconf: 'exit 1' }), { code: 1, stderr: /no glibc here/ })
    t.match(await install(directory, dry, { uname: 'echo Darwin' }), { code: 1, stderr: /this is Darwin/ })
  })
})
