import { Worker } from 'node:worker_threads'

/** A timer of this thread does not fire in a loop that does not end: another thread has to. */
const program = `
  const { parentPort, workerData } = require('node:worker_threads')
  let timer
  parentPort.on('message', (what) => {
    clearTimeout(timer)
    if (what === '') return
    timer = setTimeout(() => {
      require('node:fs').writeSync(2, 'Expected an end of ' + what + ', got none after ' + workerData + ' ms\\n')
      process.kill(process.pid, 'SIGKILL')
    }, workerData)
  })`

let worker: Worker | undefined

/** Ends the process, with a word on stderr, should `what` not have ended after so many milliseconds; '' has. */
export function watch(what: string, limitMs: number): void {
  worker ??= new Worker(program, { eval: true, workerData: limitMs })
  worker.unref()
  worker.postMessage(what)
}
