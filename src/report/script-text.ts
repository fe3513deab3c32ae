import * as functions from './page-script.ts'

/** The page's script: the source of the functions in `page-script.ts`, and the call that starts them. */
export function scriptText(): string {
  const sources = Object.values(functions).map(String)
  return `'use strict'\n${sources.join('\n')}\nstartPage()\n`
}
