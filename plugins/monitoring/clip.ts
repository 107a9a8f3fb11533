const MAX_SHOWN_CHARACTERS = 100

/** What a client sent, as far as an answer repeats it. */
export function clip(text: string): string {
  return text.length > MAX_SHOWN_CHARACTERS ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}…` : text
}
