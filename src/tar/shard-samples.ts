import type { ByteSource } from '../storage/byte-source.ts'
import { type TarReading, tarMembers } from './tar-members.ts'
import { sampleName, type SampleOptions, TarSample } from './tar-sample.ts'

/**
 * The samples of one archive, in its order: members that follow each other and have the same key. What belongs to no
 * sample counts as ignored with the one before it; before the first, as a sample that is no row.
 *
 * @throws {DataError} on the iterator, if the archive is cut, damaged or none
 */
export async function* shardSamples(
  bytes: ByteSource,
  options: SampleOptions,
  reading: TarReading,
): AsyncGenerator<TarSample, undefined> {
  let sample: TarSample | undefined
  for await (const member of tarMembers(bytes, reading)) {
    if (member.type === 'directory') continue
    const named = member.type === 'file' ? sampleName(member.name) : undefined
    if (sample && !named) {
      sample.ignored++
      sample.end = member.end
      continue
    }
    if (sample && named?.key !== sample.key) {
      yield sample
      sample = undefined
    }
    sample ??= new TarSample(named?.key ?? '', options)
    sample.end = member.end
    if (named) await sample.add(member, named.extension)
  }
  if (sample) yield sample
}
