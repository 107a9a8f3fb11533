import { closest, distance } from 'fastest-levenshtein'

/** Longer words are no typos, and the distance costs their product. */
const MAX_CHARACTERS = 80

/** Two letters of a shorter word make it another word: `foo` is no `log`. */
const SHORT = 5

/**
 * What `word` was probably meant to be, or undefined where nothing is near: a candidate that ends in it (`maxBytes` for
 * `storage.maxBytes`), or one a few letters away.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word === '' || word.length > MAX_CHARACTERS) return undefined
  const all = [...candidates]
  const ending = all.filter(candidate => candidate.endsWith(`.${word}`))
  if (ending.length === 1) return ending[0]
  if (all.length === 0) return undefined
  const best = closest(word, all)
  return distance(word, best) <= Math.max(word.length < SHORT ? 1 : 2, word.length / 4) ? best : undefined
}
