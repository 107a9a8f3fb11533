import { execFile } from 'node:child_process'
import {
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { PROFILES, pickProfile } from '../../core/config/profiles.ts'
import { parseBytes } from '../../core/config/quantities.ts'
import { CONTROL_ACCESS } from '../../core/control/access.ts'
import { eachCommand, readCommandTree } from '../../scripts/deb/command-tree.ts'
import { sha256OfFile } from '../../scripts/package/checksums.ts'
import { ROOT } from '../../scripts/package/settings.ts'
import { skep } from '../helpers/skep-process.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { toolsMissing } from './debian-machine.ts'
import { buildTestDeb } from './debs.ts'
import { executablesMissing } from './executables.ts'

const run = promisify(execFile)
const CONFIG = join(ROOT, 'config')

/** The user and the group that own nothing. */
const NOBODY = 65_534

/** Of 10, where 10 is no protection at all: systemd-analyze(1). */
const MAX_EXPOSURE = 2

t.test(
  'the package',
  { skip: executablesMissing('x64') || toolsMissing('dpkg-deb'), timeout: 280_000 },
  async t => {
    const directory = await temporaryDirectory(t)
    const deb = await buildTestDeb(directory)
    const tree = join(directory, 'tree')
    await run('dpkg-deb', ['--raw-extract', deb, tree])

    t.test('is the same when it is built again', async t => {
      const again = join(directory, 'again')
      mkdirSync(again)
      t.equal(sha256OfFile(await buildTestDeb(again)), sha256OfFile(deb))
    })

    t.test('belongs to root, and nobody else may write to it', async t => {
      const { stdout } = await run('dpkg-deb', ['--contents', deb], { maxBuffer: 2 ** 24 })
      const lines = stdout.trim().split('\n')
      t.strictSame(
        lines.filter(line => !/^(drwxr-xr-x|-rwxr-xr-x|-rw-r--r--) root\/root /.test(line)),
        [],
      )
      const programs = lines.filter(line => line.startsWith('-rwx')).map(line => line.split(' ').at(-1))
      t.strictSame(programs, [
        './usr/bin/skep',
        './usr/lib/systemd/system-generators/skep-generator',
        './usr/libexec/skep/take-invite',
      ])
    })

    t.test('says what it is and needs', async t => {
      const { stdout } = await run('dpkg-deb', ['--field', deb])
      t.match(stdout, /^Package: skep\nVersion: 0\.1\.0\nArchitecture: amd64\n/)
      t.match(stdout, /^Depends: .*libc6 \(>= 2\.34\)/m)
      t.equal(readFileSync(join(tree, 'DEBIAN/conffiles'), 'utf8'), '/etc/skep/config.yaml\n')
      await run('md5sum', ['--check', '--strict', 'DEBIAN/md5sums'], { cwd: tree })
    })

    t.test('has no error that lintian knows of', { skip: toolsMissing('lintian') }, async t => {
      // How it is packed is a matter of the test: see buildTestDeb.
      const packing = 'uses-no-compression-for-control-tarball,uses-no-compression-for-data-tarball'
      const args = ['--fail-on', 'none', '--suppress-tags', packing, '--show-overrides', deb]
      const { stdout } = await run('lintian', args)
      t.notMatch(stdout, /^[EW]:/m)
      const overrides = readFileSync(join(CONFIG, 'debian/lintian-overrides'), 'utf8')
        .split('\n')
        .filter(Boolean)
      for (const [index, line] of overrides.entries()) {
        if (line.startsWith('#')) continue
        t.match(overrides[index - 1], /^# \w/, `${line} is explained`)
        t.match(stdout, `O: ${line}`, 'and still needed')
      }
    })

    t.test('has manual pages without faults', { skip: toolsMissing('man') }, async t => {
      for (const page of ['man1/skep.1.gz', 'man5/skep-config.5.gz']) {
        const args = ['--warnings=all', '--encoding=UTF-8', '--local-file', join(tree, 'usr/share/man', page)]
        const { stdout, stderr } = await run('man', args, {
          env: { ...process.env, LC_ALL: 'C.UTF-8', MANWIDTH: '120' },
        })
        t.equal(stderr, '', page)
        t.match(stdout, /^NAME\n +skep/m)
      }
    })

    t.test('completes every command in the shells it is for', async t => {
      const program = await readCommandTree()
      const groups = Array.from(eachCommand(program)).filter(({ commands }) => commands.length > 0)
      const share = join(tree, 'usr/share')
      const shells: Readonly<Record<string, (line: string) => readonly string[]>> = {
        bash: line => [
          '-c',
          `source "$1"; COMP_WORDS=(${line} ''); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _skep; printf '%s\\n' "\${COMPREPLY[@]}"`,
          'bash',
          join(share, 'bash-completion/completions/skep'),
        ],
        fish: line => [
          '--no-config',
          '-c',
          `source ${join(share, 'fish/vendor_completions.d/skep.fish')}; complete -C '${line} ' | string replace -r '\\t.*' ''`,
        ],
      }
      for (const [shell, argsFor] of Object.entries(shells)) {
        t.test(shell, { skip: toolsMissing(shell) }, async t => {
          for (const { path, commands } of groups) {
            const { stdout } = await run(shell, argsFor(path.join(' ')))
            const names = commands.map(command => String(command.path.at(-1)))
            t.strictSame(stdout.trim().split('\n').sort(), names.sort(), path.join(' '))
          }
          const { stdout } = await run(shell, argsFor('skep --data pin'))
          t.match(stdout, /^storage$/m, 'the value of an option is no command')
        })
      }
      t.test('zsh', { skip: toolsMissing('zsh') }, async () => {
        await run('zsh', ['-n', join(share, 'zsh/vendor-completions/_skep')])
      })
    })
  },
)

t.test('the service', { skip: toolsMissing('systemd-analyze') }, async t => {
  const unit = join(CONFIG, 'systemd/skep.service')

  t.test('is well-formed', async t => {
    // Its program and manual pages are not installed here.
    const file = join(await temporaryDirectory(t), 'skep.service')
    const text = readFileSync(unit, 'utf8')
      .replace('/usr/bin/skep', process.execPath)
      .replace('/usr/libexec/skep', join(CONFIG, 'systemd'))
      .replace(/^Documentation=.*$/m, '')
    writeFileSync(file, text)
    const { stderr } = await run('systemd-analyze', ['verify', file])
    t.notMatch(stderr, 'skep.service')
  })

  t.test('exposes little', async t => {
    const { stdout } = await run('systemd-analyze', ['security', '--offline=yes', '--no-pager', unit])
    const [, exposure] = /Overall exposure level for skep\.service: ([\d.]+)/.exec(stdout) ?? []
    t.ok(Number(exposure) <= MAX_EXPOSURE, `exposure ${exposure}`)
  })

  t.test('says what the settings are called', async t => {
    const [, access] = /^Environment=SKEP_CONTROL_ACCESS=(\w+)$/m.exec(readFileSync(unit, 'utf8')) ?? []
    t.ok(CONTROL_ACCESS.some(known => known === access))
    const { code, stderr } = await skep(['config', 'show'], { env: { SKEP_CONTROL_ACCESS: String(access) } })
    t.equal(code, 0, stderr)
  })

  t.test(
    'takes an invite from a card',
    { skip: process.getuid?.() !== 0 && 'it is run by root' },
    async t => {
      const program = join(CONFIG, 'systemd/take-invite')
      const [card, node] = [await temporaryDirectory(t), await temporaryDirectory(t)]
      const [invite, target] = [join(card, 'skep-invite.txt'), join(node, 'invite.txt')]
      chownSync(node, NOBODY, NOBODY)
      const take = () => run(program, [invite, target, String(NOBODY)])

      t.match(await take(), { stdout: '' }, 'there may be none')
      writeFileSync(invite, 'skep-invite-abc\n')
      // For whoever looks at the card: the name is another one for the same bytes.
      linkSync(invite, join(card, 'bytes'))
      t.match(await take(), { stdout: /took the invite/ })
      t.equal(readFileSync(target, 'utf8'), 'skep-invite-abc\n')
      const { mode, uid: owner } = statSync(target)
      t.strictSame([mode & 0o777, owner], [0o600, NOBODY])
      t.notOk(existsSync(invite))
      t.equal(readFileSync(join(card, 'bytes'), 'latin1'), '\0'.repeat(16), 'overwritten, not just deleted')

      // A power cut came before it was erased, and another one while it was written.
      writeFileSync(invite, 'skep-invite-abc\n')
      writeFileSync(`${target}.new`, 'skep-inv')
      await take()
      t.equal(readFileSync(target, 'utf8'), 'skep-invite-abc\n')
      t.notOk(existsSync(invite))

      // What the node's directory has may lead anywhere.
      const others = join(card, 'others')
      writeFileSync(others, 'mine')
      symlinkSync(others, `${target}.new`)
      writeFileSync(invite, 'skep-invite-def\n')
      await take()
      t.equal(readFileSync(others, 'utf8'), 'mine')
      t.equal(readFileSync(target, 'utf8'), 'skep-invite-def\n')

      writeFileSync(invite, 'x'.repeat(5000))
      t.match(await take().catch(error => error), { stderr: /5000 bytes: this is no invite/ })
      t.ok(existsSync(invite), 'what is none is not touched')
      writeFileSync(invite, 'skep-invite-ghi\n')
      chownSync(node, 0, 0)
      await t.rejects(take())
      t.equal(readFileSync(invite, 'utf8'), 'skep-invite-ghi\n', 'what was not handed over stays')
    },
  )

  t.test('gets the limits of the machine it is on', async t => {
    const boards: readonly [name: string, memoryKiB: number, cores: number][] = [
      ['Pi Zero 2 W', 431_000, 4],
      ['Pi 3', 930_000, 4],
      ['Pi 4, 2 GB', 1_880_000, 4],
      ['Pi 4, 4 GB', 3_880_000, 4],
      ['Pi 5, 16 GB', 16_200_000, 4],
      ['a server', 32_000_000, 16],
    ]
    for (const [name, memoryKiB, cores] of boards) {
      const root = t.testdir({
        proc: {
          meminfo: `MemTotal:       ${memoryKiB} kB\nMemFree: 1 kB\n`,
          cpuinfo: Array.from({ length: cores }, (_, index) => `processor\t: ${index}\n`).join('\n'),
        },
        units: {},
      })
      const dropIns = join(CONFIG, 'systemd/skep.service.d')
      await run(join(CONFIG, 'systemd/skep-generator'), [join(root, 'units')], {
        env: { ...process.env, SKEP_GENERATOR_ROOT: root, SKEP_GENERATOR_DROP_INS: dropIns },
      })
      const profile = pickProfile({ memoryBytes: memoryKiB * 1024, cores })
      const text = readFileSync(join(root, `units/skep.service.d/50-${profile}.conf`), 'utf8')
      const limit = String(/^MemoryMax=(.*)$/m.exec(text)?.[1])
      const limitBytes = limit.endsWith('%')
        ? (memoryKiB * 1024 * Number.parseInt(limit, 10)) / 100
        : Number(parseBytes(limit.replace(/M$/, 'MiB')))
      t.equal(
        pickProfile({ memoryBytes: limitBytes, cores }),
        profile,
        `${name}: its limit leaves it its profile`,
      )
      t.match(text, /^CPUWeight=\d+$/m)
    }
    t.strictSame(
      readdirSync(join(CONFIG, 'systemd/skep.service.d')).sort(),
      PROFILES.map(profile => `${profile}.conf`).sort(),
    )
  })
})

t.test('the settings file is valid, also where all of it is uncommented', async t => {
  const shipped = join(CONFIG, 'debian/config.yaml')
  t.match(await skep(['config', 'check', shipped]), { code: 0 })
  const uncommented = readFileSync(shipped, 'utf8').replace(/^# (?= *(?:[a-zA-Z]+:|- ))/gm, '')
  t.match(uncommented, /^ {2}maxBytes:/m)
  const file = join(await temporaryDirectory(t), 'config.yaml')
  writeFileSync(file, uncommented)
  t.match(await skep(['config', 'check', file]), { code: 0, stderr: '' })
})
