import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

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
  readonly #image: string

  private constructor(directory: string, image: string) {
    this.directory = directory
    this.#image = image
  }

  /** Undefined where this user or this machine can't have one. */
  static create(place: string): PowerDisk | undefined {
    const image = join(place, 'disk')
    const directory = join(place, 'power')
    writeFileSync(image, '')
    truncateSync(image, IMAGE_BYTES)
    mkdirSync(directory)
    const isMade = spawnSync('/sbin/mkfs.ext4', ['-q', '-F', image]).status === 0
    if (!isMade || mount(image, directory) !== 0) return undefined
    return new PowerDisk(directory, image)
  }

  cut(): void {
    execFileSync('/usr/bin/perl', ['-e', SHUT_DOWN, this.directory])
  }

  /** The journal is replayed, as after a real cut. No process may have files open on it. */
  restore(): void {
    execFileSync('/bin/umount', [this.directory])
    if (mount(this.#image, this.directory) !== 0) throw new Error('the disk does not mount after a power cut')
  }

  [Symbol.dispose](): void {
    // Lazy: a run that failed may still have files open.
    spawnSync('/bin/umount', ['-l', this.directory])
  }
}

function mount(image: string, directory: string): number | null {
  return spawnSync('/bin/mount', ['-o', 'loop', image, directory]).status
}
