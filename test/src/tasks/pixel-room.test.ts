import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { PixelRoom } from '../../../src/tasks/pixel-room.ts'

const kilobyte = 1024

describe('PixelRoom', () => {
  it('lets those wait for whom there is no room, until it is given back', async () => {
    const room = new PixelRoom(10 * kilobyte)
    const first = await room.take(6 * kilobyte)
    const second = await room.take(4 * kilobyte)
    expect(room.takenBytes).toBe(10 * kilobyte)
    let taken = false
    const third = room.take(5 * kilobyte).then((units) => {
      taken = true
      return units
    })
    room.give(second)
    await new Promise(setImmediate)
    expect(taken).toBe(false)
    room.give(first)
    room.give(await third)
    expect(room.takenBytes).toBe(0)
  })

  it('takes what is larger than all of it alone', async () => {
    const room = new PixelRoom(10 * kilobyte)
    const small = await room.take(1)
    const large = room.take(400 * kilobyte)
    await new Promise(setImmediate)
    expect(room.takenBytes).toBe(kilobyte)
    room.give(small)
    const units = await large
    expect(room.takenBytes).toBe(10 * kilobyte)
    room.give(units)
    expect(room.takenBytes).toBe(0)
  })

  it('is shared with other threads, which wake those that wait', async () => {
    const room = new PixelRoom(2 * kilobyte)
    await room.take(2 * kilobyte)
    const waiting = room.take(kilobyte)
    const code = `
      const taken = new Int32Array(require('node:worker_threads').workerData)
      Atomics.sub(taken, 0, 2)
      Atomics.notify(taken, 0)`
    const thread = new Worker(code, { eval: true, workerData: room.shared })
    await new Promise((resolve) => thread.on('exit', resolve))
    expect(await waiting).toBe(1)
    expect(room.takenBytes).toBe(kilobyte)
  })
})
