/** What a library said, on one line. */
export function reasonOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause)
  return message.trim().split('\n')[0] ?? ''
}
