import { spawnSync } from 'node:child_process'
import type { Architecture } from './settings.ts'

/** Files of the other system's C library, where Debian's cross packages put them. */
const ARM64_LIBRARIES = '/usr/aarch64-linux-gnu'

/** What it takes to make an executable for `architecture` on this machine. */
export interface Tools {
  /** Command that runs a program of that architecture; empty where the machine runs it by itself. */
  readonly runner: readonly string[]
  readonly strip: string
  /** Debian packages that bring them. */
  readonly debianPackages: readonly string[]
}

export function toolsFor(architecture: Architecture): Tools {
  if (architecture === process.arch) return { runner: [], strip: 'strip', debianPackages: ['binutils'] }
  if (architecture === 'arm64') {
    return {
      runner: ['qemu-aarch64-static', '-L', ARM64_LIBRARIES],
      strip: 'aarch64-linux-gnu-strip',
      debianPackages: [
        'qemu-user-static',
        'libc6-arm64-cross',
        'libstdc++6-arm64-cross',
        'binutils-aarch64-linux-gnu',
      ],
    }
  }
  throw new Error(
    `an executable for ${architecture} is made on ${architecture}, and this machine is ${process.arch}`,
  )
}

/** Why an executable for `architecture` can't be made or run here; nothing where it can. */
export function missingTools(architecture: Architecture): string | undefined {
  const { runner, strip, debianPackages } = toolsFor(architecture)
  const absent = [strip, ...runner.slice(0, 1)].filter(tool => spawnSync(tool, ['--version']).status !== 0)
  return absent.length === 0
    ? undefined
    : `no ${absent.join(', ')} here: apt-get install ${debianPackages.join(' ')}`
}

/** Runs a program to its end and returns what it printed. @throws Error with what it said where it failed */
export function run(program: string, args: readonly string[], cwd?: string): string {
  const { status, signal, error, stdout, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8' })
  if (status === 0) return stdout
  const reason = error?.message ?? signal ?? `it exited with ${status}`
  throw new Error(`${[program, ...args].join(' ')}: ${reason}\n${stderr ?? ''}`, { cause: error })
}
