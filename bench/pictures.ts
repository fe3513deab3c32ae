// Pictures per second from encoded JPEG to embedding: the fused chain against a plain loop of sharp and
// onnxruntime on the main thread, interleaved, and the delay of the event loop beside each.
//
//   npm run build && node bench/pictures.ts [pictures] [rounds]
import { monitorEventLoopDelay } from 'node:perf_hooks'
