/** Every failure skep raises on purpose: a stable code to branch on, a message that names the input, and a fix. */
export class SkepError<Code extends string = string> extends Error {
  readonly code: Code
  /** What the person reading it can do. One sentence. */
  readonly fix: string

  constructor(code: Code, message: string, fix: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'SkepError'
    this.code = code
    this.fix = fix
  }
}

/** Makes errors of one module. `message` names the input and what was expected. */
export type ErrorFactory<Code extends string> = ((
  code: Code,
  message: string,
  options?: ErrorOptions,
) => SkepError<Code>) & { readonly fixes: Readonly<Record<Code, string>> }

/**
 * Declares a module's error codes, each with its fix. The table of a README is tested against `fixes`.
 *
 *     export const cacheError = defineErrors({ CACHE_FULL: 'Raise storage.maxBytes or unpin content.' })
 *     throw cacheError('CACHE_FULL', `no room for ${bytes} bytes`)
 */
export function defineErrors<Code extends string>(fixes: Record<Code, string>): ErrorFactory<Code> {
  const create = (code: Code, message: string, options?: ErrorOptions): SkepError<Code> =>
    new SkepError(code, message, fixes[code], options)
  return Object.assign(create, { fixes: Object.freeze({ ...fixes }) })
}

/** True where `error` is a {@link SkepError} with one of `codes` (any code where none is given). */
export function isSkepError<Code extends string>(error: unknown, ...codes: Code[]): error is SkepError<Code> {
  return error instanceof SkepError && (codes.length === 0 || codes.includes(error.code as Code))
}

/** The text of anything thrown, for logs and reasons. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
