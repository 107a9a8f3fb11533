// Loaded before anything else: a board whose clock is SKEW_DAYS off.

const skewMs = Number(process.env.SKEW_DAYS) * 24 * 60 * 60 * 1000
const RealDate = Date

globalThis.Date = class extends RealDate {
  constructor(...args: [] | [number | string | Date]) {
    super(args.length === 0 ? RealDate.now() + skewMs : args[0])
  }

  static override now(): number {
    return RealDate.now() + skewMs
  }
} as DateConstructor
