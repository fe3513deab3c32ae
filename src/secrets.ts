/**
 * What goes before the host in a URL, up to the last `@`: a user and a password. An access key may have a
 * slash in it, and then what follows a port is taken for one too.
 */
const userInfo = /([a-z][a-z\d+.-]*:\/\/)(?:[^\s/]*@|[^\s/:@]+:\S*@)/gi

/** `text` without the users and passwords of the URLs in it: `https://…@host/x`. */
export function withoutSecrets(text: string): string {
  return text.replace(userInfo, '$1…@')
}
