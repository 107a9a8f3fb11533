import { defineErrors } from '../errors.ts'

export const stateError = defineErrors({
  TAG_INVALID: 'Name a tag with 1 to 64 printable characters, and give it a value from 1 to 100.',
  TAGS_FULL: 'Take tags away that are of no use any more with `skep peers untag`.',
})
