import { expect } from 'vitest'
import { DataError } from '../../src/errors.ts'

/** Expects that what is read from under `folder` is refused as damaged, by an error that names a place there and has `message` in it. */
export async function expectDamaged(
  reading: Promise<unknown>,
  folder: string,
  message: string,
): Promise<void> {
  const error: unknown = await reading.catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(DataError)
  expect((error as DataError).url).toMatch(folder)
  expect((error as Error).message).toContain(message)
}
