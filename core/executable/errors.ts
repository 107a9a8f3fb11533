import { defineErrors } from '../errors.ts'

export const executableError = defineErrors({
  CACHE_UNSAFE: 'Correct its owner and mode, or set CACHE_DIRECTORY to a directory that only you can write.',
  CACHE_UNUSABLE: 'Free space, or set CACHE_DIRECTORY to a directory that you can write.',
  ADDON_UNUSABLE:
    'Use a system with glibc 2.34 or newer, and a CACHE_DIRECTORY on a file system mounted without noexec.',
})
