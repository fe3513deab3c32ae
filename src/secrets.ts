/**
 * What goes before the host in a URL, up to the last `@`: a user and a password. An access key may have a
 * slash in it, and then what follows a port is taken for one too.
 */
const userInfo = /([a-z][a-z\d+.-]*:\/\/)(?:[^\s/]*@|[^\s/:@]+:\S*@)/gi

/**
 * The value of a parameter that lets its bearer in, by its name: the signature, credential and token of a signed URL
 * of S3 (`X-Amz-Signature` …), Google, Azure (`sig`) or CloudFront, an API key, a password.
 */
const parameter =
  /([?&;](?:[\w.-]*(?:signature|credential|token|secret|passw(?:or)?d|(?:api|access)[-_]?key(?:[-_]?id)?|auth|policy)|sig|key|pwd)=)[^&;#\s"'`<>)\]},]*[^&;#\s"'`<>)\]},.:]/gi

/** `text` without the users and passwords of the URLs in it, and what signs them: `https://…@host/x?sig=…`. */
export function withoutSecrets(text: string): string {
  return text.replace(userInfo, '$1…@').replace(parameter, '$1…')
}

/** Settings whose texts, also those in lists and objects, are {@link withoutSecrets}. */
export function settingsWithoutSecrets(
  settings: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, told(value)]))
}

function told(value: unknown): unknown {
  if (typeof value === 'string') return withoutSecrets(value)
  if (value instanceof URL) return withoutSecrets(value.href)
  if (Array.isArray(value)) return value.map(told)
  const plain = typeof value === 'object' && value?.constructor === Object
  return plain ? settingsWithoutSecrets(value as Readonly<Record<string, unknown>>) : value
}
