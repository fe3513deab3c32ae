/** A promise that is settled from outside. */
export class Deferred {
  resolve: () => void = () => undefined
  readonly promise = new Promise<void>((resolve) => (this.resolve = resolve))
}
