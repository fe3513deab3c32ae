import type { Place } from './text-lines.ts'

/** Why a record, a value or a picture is refused. */
export interface Problem {
  /** Stable code of the reject. */
  readonly code: string
  /** What was expected, what was there. */
  readonly message: string
  /** The error behind it. */
  readonly cause?: unknown
}

/** A record of a text file. */
export interface TextRecord<V> {
  /** Where it begins. */
  readonly place: Place
  /** Where the next one begins. */
  readonly next: Place
  /** What it says, or why it says nothing. */
  readonly content: { readonly value: V } | { readonly problem: Problem }
}

/** The content of a record that is not as its format wants it. */
export function broken(message: string): { readonly problem: Problem } {
  return { problem: { code: 'FORMAT', message } }
}

/** The content of a record that is not held. */
export function tooLong(limitBytes: number): { readonly problem: Problem } {
  const message = `Expected a record of at most ${String(limitBytes)} bytes, got a longer one`
  return { problem: { code: 'TOO_LARGE', message } }
}
