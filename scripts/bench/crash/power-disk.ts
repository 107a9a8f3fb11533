import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const IMAGE_BYTES = 256 * 1024 * 1024

/**
 * Shuts a mounted file system down as it is, without what is in memory of it: ioctl EXT4_IOC_SHUTDOWN with
 * EXT4_GOING_FLAGS_NOLOGFLUSH, which file systems are tested with. Node has no ioctl; each Debian has Perl.
 */
const SHUT_DOWN =
  'open(my $d, "<", $ARGV[0]) or die; my $f = pack("L", 2); ioctl($d, 0x8004587d, $f) or die "$!"'

/** A disk in a file, with ext4 on it, whose power can be cut: what was not flushed until then is gone. */
export class PowerDisk implements Disposable {
  readonly directory: string
  #image: string
  #device: string
  #cuts = 0

  private constructor(directory: string, image: string, device: string) {
    this.directory = directory
    this.#image = image
    this.#device = device
  }

  /** Undefined where this user or this machine can't have one. */
  static create(place: string): PowerDisk | undefined {
    const image = join(place, 'disk')
    const directory = join(place, 'power')
    writeFileSync(image, '')
    truncateSync(image, IMAGE_BYTES)
    mkdirSync(directory)
    const isMade = spawnSync('/sbin/mkfs.ext4', ['-q', '-F', image]).status === 0
    const device = isMade ? mount(image, directory) : undefined
    return device === undefined ? undefined : new PowerDisk(directory, image, device)
  }

  cut(): void {
    execFileSync('/usr/bin/perl', ['-e', SHUT_DOWN, this.directory])
  }

  /**
   * The journal is replayed, as after a real cut. No process may have files open on it. It goes on in a copy: where another
   * mount namespace still has the dead file system, the kernel writes back what that had in memory, half a minute later.
   */
  restore(): void {
    const image = join(dirname(this.directory), `disk-${++this.#cuts}`)
    execFileSync('/bin/cp', ['--sparse=always', this.#image, image])
    execFileSync('/bin/umount', [this.directory])
    detach(this.#device)
    rmSync(this.#image)
    const device = mount(image, this.directory)
    if (device === undefined) throw new Error('the disk does not mount after a power cut')
    this.#image = image
    this.#device = device
  }

  [Symbol.dispose](): void {
    // Lazy: a run that failed may still have files open.
    spawnSync('/bin/umount', ['-l', this.directory])
    detach(this.#device)
  }
}

/**
 * Mounts it on a device of its own and gives that back; undefined where it can't. `mount -o loop` would take the last one
 * again, and the dead file system with it, where another mount namespace still has that.
 */
function mount(image: string, directory: string): string | undefined {
  const { status, stdout } = spawnSync('/sbin/losetup', ['--find', '--show', image], { encoding: 'utf8' })
  const device = stdout?.trim()
  if (status !== 0 || !device) return undefined
  if (spawnSync('/bin/mount', [device, directory]).status === 0) return device
  detach(device)
  return undefined
}

/** Where the device is in use it goes with its last user. */
function detach(device: string): void {
  spawnSync('/sbin/losetup', ['--detach', device])
}
