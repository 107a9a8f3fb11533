import { execFile, execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { CACHE } from '../../scripts/package/settings.ts'
import { createNotifyReceiver } from '../helpers/notify-receiver.ts'

const run = promisify(execFile)

const SUITE = 'bookworm'

/** A service system, and what skep's package depends on: inside there is no network to get it from. */
const PACKAGES = ['systemd', 'systemd-sysv', 'libstdc++6', 'apt']

const HOST_SOURCES = '/etc/apt/sources.list.d/debian.sources'

export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A small Debian that has been started: a real systemd is its first process. It has a network of its own, with nobody in it. */
export interface DebianMachine extends AsyncDisposable {
  /** Its root directory, as seen from here. */
  readonly root: string
  /** Runs a command inside, as root, to its end. */
  run(...command: string[]): Promise<Outcome>
  /** As `run`, for commands that have to succeed; what they printed, without the line end. */
  read(...command: string[]): Promise<string>
}

/** Starts one that no other knows of. It takes root. */
export async function startDebian(): Promise<DebianMachine> {
  const archive = await baseSystem()
  const directory = mkdtempSync(join(tmpdir(), 'skep-debian-'))
  const root = join(directory, 'root')
  mkdirSync(root)
  await run('tar', ['-xf', archive, '-C', root])

  const socket = join(directory, 'notify')
  const receiver = await createNotifyReceiver(socket)
  const container = spawn(
    'systemd-nspawn',
    [
      ...['--directory', root, '--machine', basename(directory), '--boot', '--notify-ready=yes'],
      // The machine it runs on may have no systemd of its own.
      ...['--register=no', '--keep-unit', '--private-network', '--console=pipe'],
    ],
    { env: { ...process.env, NOTIFY_SOCKET: socket }, stdio: 'ignore' },
  )
  const ended = once(container, 'exit')
  const failed = ended.then(([code]) => {
    throw new Error(`systemd-nspawn ended with ${code}`)
  })
  failed.catch(() => {})
  await Promise.race([receiver.hears('READY=1'), failed])
  const leader = receiver.heard.map(line => /^X_NSPAWN_LEADER_PID=(\d+)$/.exec(line)?.[1]).find(Boolean)
  if (leader === undefined) throw new Error('systemd-nspawn does not tell the process')

  const runInside = async (...command: string[]): Promise<Outcome> => {
    const inside = ['--target', leader, '--all', '--', 'env', '-i', 'PATH=/usr/sbin:/usr/bin', ...command]
    try {
      return { code: 0, ...(await run('nsenter', inside)) }
    } catch (error) {
      return error as Outcome
    }
  }
  return {
    root,
    run: runInside,
    async read(...command) {
      const { code, stdout, stderr } = await runInside(...command)
      if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}: ${stdout}${stderr}`)
      return stdout.trimEnd()
    },
    async [Symbol.asyncDispose]() {
      container.kill()
      await ended
      await receiver[Symbol.asyncDispose]()
      rmSync(directory, { recursive: true })
    },
  }
}

/** An archive, made once and kept: what makes it is its name. */
async function baseSystem(): Promise<string> {
  const args = [
    ...['--mode=root', '--variant=minbase', '--format=tar', `--include=${PACKAGES.join(',')}`],
    // Nobody pulls its plug.
    ...['--dpkgopt=path-exclude=/usr/share/locale/*', '--dpkgopt=force-unsafe-io'],
  ]
  const key = createHash('sha256').update(JSON.stringify(args)).digest('hex').slice(0, 12)
  const archive = join(CACHE, `debian-${SUITE}-${key}.tar`)
  if (existsSync(archive)) return archive
  mkdirSync(CACHE, { recursive: true })
  const draft = `${archive}.${process.pid}`
  try {
    await run('mmdebstrap', [...args, SUITE, draft, ...hostSources()])
    renameSync(draft, archive)
  } finally {
    rmSync(draft, { force: true })
  }
  return archive
}

/** Where this machine gets the same Debian from; nothing where it is another one. */
function hostSources(): string[] {
  return existsSync(HOST_SOURCES) && readFileSync(HOST_SOURCES, 'utf8').includes(SUITE) ? [HOST_SOURCES] : []
}

/** Why no Debian can be started here, for a test to skip with. In CI a test that lacks what it needs has to fail. */
export function debianMissing(): string | false {
  if (process.env.CI === 'true') return false
  if (process.getuid?.() !== 0) return 'a Debian to install in takes root'
  if (process.arch !== 'x64') return 'the Debian to install in is for x64'
  return toolsMissing('mmdebstrap', 'systemd-nspawn', 'nsenter', 'dpkg-deb')
}

/** Which of these programs are not here, for a test to skip with. In CI a test that lacks what it needs has to fail. */
export function toolsMissing(...tools: string[]): string | false {
  if (process.env.CI === 'true') return false
  const absent = tools.filter(tool => {
    try {
      execFileSync(tool, ['--version'], { stdio: 'ignore' })
      return false
    } catch {
      return true
    }
  })
  return absent.length > 0 && `no ${absent.join(', ')} here`
}
