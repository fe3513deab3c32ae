/**
 * Checks the near-duplicate rule on pictures that it was not calibrated on: plants edits and exact copies
 * among them, runs the report with its defaults, and prints what was found and what else was grouped.
 *
 * Run: npm run build && npx jiti bench/duplicate-check.ts FOLDER [edited=110] [copied=20] [seed=1]
 *
 * An edited picture gets one edit, and each edit comes as often as the others. The last list is to be
 * looked at: pairs of a kept picture and another one that do not come from one file.
 */
import { execFileSync } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp, { type Region, type Sharp } from 'sharp'
import { fromParquet } from '../connectors/from-parquet.ts'
import { Random } from '../src/kernels/random.ts'

interface Size {
  readonly width: number
  readonly height: number
}

interface Edit {
  readonly as: string
  readonly make: (picture: Sharp, size: Size) => Sharp
}

const edits = new Map<string, Edit>([
  [
    'JPEG of quality 30',
    { as: 'jpg', make: (p) => p.flatten({ background: 'white' }).jpeg({ quality: 30 }) },
  ],
  ['half the size', { as: 'png', make: (p, { width }) => p.resize(Math.ceil(width / 2)) }],
  ['WebP', { as: 'webp', make: (p) => p.webp({ quality: 75 }) }],
  ['crop to 90 %', { as: 'png', make: (p, size) => p.extract(middle(size, 0.9)) }],
  ['crop to 75 %', { as: 'png', make: (p, size) => p.extract(middle(size, 0.75)) }],
  ['mirrored', { as: 'png', make: (p) => p.flop() }],
  ['turned by 5°', { as: 'png', make: (p) => p.rotate(5, { background: 'white' }) }],
  ['brighter by 1.4', { as: 'png', make: (p) => p.modulate({ brightness: 1.4 }) }],
  ['gray', { as: 'png', make: (p) => p.grayscale() }],
  ['hue by 60°', { as: 'png', make: (p) => p.modulate({ hue: 60 }) }],
  ['blur of σ 2', { as: 'png', make: (p) => p.blur(2) }],
])

interface Member {
  readonly id: string
  readonly group: number
  readonly kind: string
  readonly keep: boolean
  readonly embedding_distance: number | null
  readonly hash_distance: number | null
}

const [folder = '.', ...numbers] = process.argv.slice(2)
const [edited = 110, copied = 20, seed = 1] = numbers.map(Number)
const work = await mkdtemp(join(tmpdir(), 'millrace-check-'))
/** The file in the folder that each item comes from. */
const fileOf = new Map<string, string>()
const editOf = new Map<string, string>()
try {
  await plant()
  const [pictures, report] = [join(work, 'pictures'), join(work, 'report')]
  const command = ['dist/src/cli/main.js', 'report', pictures, '--out', report, '--quiet']
  execFileSync(process.execPath, command, { stdio: 'inherit' })
  const members: Member[] = []
  for await (const batch of fromParquet(join(report, 'groups.parquet')))
    for (const row of batch) members.push(row.toJSON() as unknown as Member)
  printFound(members)
  printOthers(members)
} finally {
  await rm(work, { recursive: true })
}

/** The part in the middle that keeps this share of each side. */
function middle({ width, height }: Size, share: number): Region {
  const [w, h] = [Math.round(width * share), Math.round(height * share)]
  return { left: (width - w) >> 1, top: (height - h) >> 1, width: w, height: h }
}

async function plant(): Promise<void> {
  const random = new Random(seed)
  const drawn: { name: string; at: number }[] = []
  for (const name of (await readdir(folder)).sort()) {
    await copyFile(join(folder, name), await placeOf('original', name, name))
    drawn.push({ name, at: random.uniform() })
  }
  drawn.sort((a, b) => a.at - b.at)
  for (const [i, { name }] of drawn.slice(0, edited).entries()) {
    const [edit, { as, make }] = [...edits][i % edits.size] as [string, Edit]
    const size = await sharp(join(folder, name)).metadata()
    const place = await placeOf('edited', `${name}.${as}`, name)
    await make(sharp(join(folder, name)), size).toFile(place)
    editOf.set(`edited/${name}.${as}`, edit)
  }
  for (const { name } of drawn.slice(edited, edited + copied))
    await copyFile(join(folder, name), await placeOf('copied', name, name))
}

async function placeOf(part: string, name: string, file: string): Promise<string> {
  fileOf.set(`${part}/${name}`, file)
  await mkdir(join(work, 'pictures', part), { recursive: true })
  return join(work, 'pictures', part, name)
}

function printFound(members: readonly Member[]): void {
  const groups = new Map(members.map(({ kind, id, group }) => [`${kind} ${id}`, group]))
  const together = (kind: string, id: string): boolean => {
    const group = groups.get(`${kind} ${id}`)
    return group !== undefined && group === groups.get(`${kind} original/${fileOf.get(id) ?? ''}`)
  }
  for (const edit of edits.keys()) {
    const ids = [...editOf.keys()].filter((id) => editOf.get(id) === edit)
    const found = ids.filter((id) => together('near', id)).length
    console.log(`${edit.padEnd(20)} ${String(found)} of ${String(ids.length)}`)
  }
  const near = [...editOf.keys()].filter((id) => together('near', id)).length
  const copies = [...fileOf.keys()].filter((id) => id.startsWith('copied/'))
  const exact = copies.filter((id) => together('exact', id)).length
  console.log(`edited               ${String(near)} of ${String(editOf.size)}`)
  console.log(`exact copies         ${String(exact)} of ${String(copies.length)}`)
}

function printOthers(members: readonly Member[]): void {
  const near = members.filter(({ kind }) => kind === 'near')
  const keptOf = new Map(near.filter(({ keep }) => keep).map(({ group, id }) => [group, id]))
  const others = new Map<string, string>()
  for (const { id, group, embedding_distance: distance, hash_distance: bits } of near) {
    const files = [fileOf.get(id) ?? '', fileOf.get(keptOf.get(group) ?? '') ?? '']
    if (files[0] === files[1]) continue
    const how = `1 − cos ${distance?.toFixed(3) ?? '–'}  bits ${String(bits ?? '–')}`
    others.set(files.sort().join('  '), how)
  }
  const items = fileOf.size
  console.log(`${String(items)} items; expected of unrelated pairs: ${(items / 10_000).toFixed(2)}`)
  console.log(`pairs of different files: ${String(others.size)}`)
  for (const [files, how] of others) console.log(`  ${how}  ${files}`)
}
