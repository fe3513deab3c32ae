import { describe, expect, it } from 'vitest'
import { start } from '../../../src/tasks/decode.ts'
import { noise } from '../../helpers/pictures.ts'

const options = { column: 'image', background: 'contrast', limitPixels: 1e8 } as const
const room = () => Promise.resolve()

describe('decode', () => {
  it('fails no picture that is being decoded while another thread starts', async () => {
    const image = await noise(600, 400).png().toBuffer()
    const task = start(options)
    for (let round = 0; round < 8; round++) {
      const decoding = Promise.all(Array.from({ length: 4 }, async () => task.run({ image }, room)))
      const done = decoding.then(() => true)
      // What libvips may read is one setting of the process, which each thread makes when it starts.
      for (let ended = false; !ended;) {
        for (let i = 0; i < 50; i++) start(options)
        ended = await Promise.race([done, new Promise<false>((go) => setImmediate(go, false))])
      }
    }
    expect(await task.run({ image }, room)).toMatchObject({ width: 600, height: 400 })
  })
})
