import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A `model.json`, as whoever crafts one sees it. */
export type Crafted = Record<string, unknown> & {
  arrays: Record<string, Record<string, unknown>>
  files: Record<string, Record<string, unknown>>
}

function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Changes the `model.json` of a saved model and makes its checksum fit, which anybody can do. */
export async function craft(folder: string, change: (manifest: Crafted) => unknown): Promise<void> {
  const path = join(folder, 'model.json')
  const manifest = JSON.parse(await readFile(path, 'utf8')) as Crafted
  delete manifest['sha256']
  change(manifest)
  const signed = { ...manifest, sha256: sha256(JSON.stringify(manifest)) }
  await writeFile(path, JSON.stringify(signed))
}

/** Replaces a file of a saved model, with its checksum. */
export async function craftFile(
  folder: string,
  name: string,
  change: (bytes: Buffer) => Uint8Array,
): Promise<void> {
  const path = join(folder, name)
  const bytes = change(await readFile(path))
  await writeFile(path, bytes)
  await craft(folder, ({ arrays, files }) => {
    for (const entry of [...Object.values(arrays), ...Object.values(files)])
      if (entry['file'] === name) entry['sha256'] = sha256(bytes)
  })
}
