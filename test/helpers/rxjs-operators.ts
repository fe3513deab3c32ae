import * as rx from 'rxjs'
import { type Observable, type OperatorFunction, Subject } from 'rxjs'
import * as exported from 'rxjs/operators'

/** An operator over numbers, whatever it makes of them. */
export type Op = OperatorFunction<number, unknown>

/** Makes what an operator flattens. */
export type Inner = (value: unknown) => Observable<unknown>

/** One line of the table: an operator of RxJS, and what its source does while its reader holds a value. */
export interface Line {
  /** Name of the export. */
  readonly name: string
  /** `bounded`: the source waits too. `reads ahead`: it goes on. Measured by the test. */
  readonly source: 'bounded' | 'reads ahead'
  readonly make: (inner: Inner) => Op
  /** `end`: gives nothing before the source ends, so a reader holds nothing meanwhile. `time`: works on an idle source. */
  readonly answers?: 'end' | 'time'
  /** Subscribes to its source several times at once: which subscription goes first is not promised. */
  readonly inAnyOrder?: true
}

type Make = (...given: readonly unknown[]) => Op

/** Untyped, because half of them are deprecated and are tested all the same. */
const made: Readonly<Record<string, unknown>> = { ...rx, ...exported }

function op(name: string, ...given: readonly unknown[]): Op {
  return (made[name] as Make)(...given)
}

function chain(...ops: readonly unknown[]): Op {
  return (source) => (ops as Op[]).reduce<Observable<unknown>>((s, o) => s.pipe(o as never), source)
}

const later = (): Observable<unknown> => rx.timer(2)
const openings = rx.concat(rx.of(0), rx.interval(3))
const few = rx.of(100, 101)
const plus = (a: number, b: number): number => a + b
const same = (value: unknown): unknown => value
const even = (value: number): boolean => value % 2 === 0
const lists = rx.mergeMap((w: Observable<unknown>) => w.pipe(rx.toArray()))

/** `name(...given)`. */
function plain(name: string, source: Line['source'], ...given: readonly unknown[]): Line {
  return { name, source, make: () => op(name, ...given) }
}

/** The same, for one that answers when the source has ended. */
function last(name: string, ...given: readonly unknown[]): Line {
  return { ...plain(name, 'bounded', ...given), answers: 'end' }
}

/** The same, for one that depends on time. */
function timed(name: string, ...given: readonly unknown[]): Line {
  return { ...plain(name, 'reads ahead', ...given), answers: 'time' }
}

/** For one that flattens what `project` returns. */
function flat(name: string, source: Line['source'], ...given: readonly unknown[]): Line {
  return { name, source, make: (inner) => op(name, inner, ...given) }
}

/** For one that flattens its values. */
function flatAll(name: string, source: Line['source'], ...given: readonly unknown[]): Line {
  return { name, source, make: (inner) => chain(rx.map(inner), op(name, ...given)) }
}

/** For one that makes windows, which are opened. */
function opened(line: Line): Line {
  return { ...line, make: (inner) => chain(line.make(inner), lists) }
}

/** For one that makes a connectable Observable. */
function shared(name: string, source: Line['source'], ...given: readonly unknown[]): Line {
  return { name, source, make: () => chain(op(name, ...given), op('refCount')) }
}

/** For one of which only the end of what it flattens is waited for. */
function ending(line: Line): Line {
  return { ...line, answers: 'end' }
}

/** The same, on time. */
function onTime(line: Line): Line {
  return { ...line, answers: 'time' }
}

const { asapScheduler, asyncScheduler } = rx

/** Every operator of RxJS 7, the deprecated ones too; some have several lines. */
export const lines: readonly Line[] = [
  timed('audit', later),
  timed('auditTime', 2),
  timed('buffer', rx.interval(2)),
  plain('bufferCount', 'bounded', 4),
  timed('bufferTime', 2),
  timed('bufferToggle', openings, later),
  timed('bufferWhen', later),
  plain('catchError', 'bounded', () => few),
  ending(flatAll('combineAll', 'bounded')),
  ending(flatAll('combineLatestAll', 'bounded')),
  plain('combineLatest', 'bounded', few),
  plain('combineLatestWith', 'bounded', few),
  plain('concat', 'bounded', few),
  flatAll('concatAll', 'bounded'),
  flat('concatMap', 'bounded'),
  plain('concatMapTo', 'bounded', few),
  plain('concatWith', 'bounded', few),
  plain('connect', 'bounded', same),
  last('count'),
  timed('debounce', later),
  timed('debounceTime', 2),
  plain('defaultIfEmpty', 'bounded', 7),
  timed('delay', 2),
  timed('delayWhen', later),
  {
    ...plain('dematerialize', 'bounded'),
    make: () => chain(op('materialize'), op('dematerialize')),
  },
  plain('distinct', 'bounded', (i: number) => i % 100),
  plain('distinctUntilChanged', 'bounded'),
  {
    ...plain('distinctUntilKeyChanged', 'bounded'),
    make: () =>
      chain(
        rx.map((key: number) => ({ key })),
        rx.distinctUntilKeyChanged('key'),
      ),
  },
  plain('elementAt', 'bounded', 3),
  plain('endWith', 'bounded', 7),
  last('every', (i: number) => i >= 0),
  flatAll('exhaust', 'bounded'),
  flatAll('exhaustAll', 'bounded'),
  flat('exhaustMap', 'bounded'),
  plain('expand', 'bounded', (i: number) => (i < 5 ? rx.of(i + 5) : rx.EMPTY)),
  plain('filter', 'bounded', even),
  plain('finalize', 'bounded', same),
  plain('find', 'bounded', (i: number) => i === 3),
  plain('findIndex', 'bounded', (i: number) => i === 3),
  plain('first', 'bounded'),
  flat('flatMap', 'bounded', 2),
  opened(ending(plain('groupBy', 'bounded', (i: number) => i % 3))),
  last('ignoreElements'),
  plain('isEmpty', 'bounded'),
  last('last'),
  plain('map', 'bounded', (i: number) => i + 1),
  plain('mapTo', 'bounded', 7),
  {
    ...plain('materialize', 'bounded'),
    make: () =>
      chain(
        op('materialize'),
        rx.map((n: { kind: string }) => n.kind),
      ),
  },
  last('max'),
  plain('merge', 'bounded', few),
  flatAll('mergeAll', 'bounded', 2),
  flat('mergeMap', 'bounded', 2),
  {
    ...flat('mergeMap', 'reads ahead'),
    make: () => op('mergeMap', (i: number) => Promise.resolve(i)),
  },
  plain('mergeMapTo', 'bounded', few, 2),
  {
    ...plain('mergeScan', 'bounded'),
    make: (inner) => op('mergeScan', (_: unknown, i: unknown) => inner(i), 0, 2),
  },
  plain('mergeWith', 'bounded', few),
  last('min'),
  shared('multicast', 'bounded', () => new Subject()),
  plain('observeOn', 'reads ahead', asapScheduler),
  onTime(plain('observeOn', 'reads ahead', asyncScheduler)),
  plain('onErrorResumeNext', 'bounded', few),
  plain('onErrorResumeNextWith', 'bounded', few),
  plain('pairwise', 'bounded'),
  {
    ...plain('partition', 'bounded'),
    inAnyOrder: true,
    make: () => (source) =>
      rx.merge(...(op('partition', even)(source) as unknown as [Observable<unknown>])),
  },
  {
    ...plain('pluck', 'bounded'),
    make: () =>
      chain(
        rx.map((key: number) => ({ key })),
        op('pluck', 'key'),
      ),
  },
  shared('publish', 'bounded'),
  shared('publishBehavior', 'bounded', 7),
  ending(shared('publishLast', 'bounded')),
  shared('publishReplay', 'bounded', 3),
  plain('race', 'bounded', rx.NEVER),
  plain('raceWith', 'bounded', rx.NEVER),
  last('reduce', plus),
  { ...shared('publish', 'bounded'), name: 'refCount' },
  plain('repeat', 'bounded', 2),
  plain('repeatWhen', 'bounded', () => rx.EMPTY),
  plain('retry', 'bounded', 2),
  plain('retryWhen', 'bounded', () => rx.EMPTY),
  timed('sample', rx.interval(2)),
  timed('sampleTime', 2),
  plain('scan', 'bounded', plus),
  last('sequenceEqual', rx.range(0, 12)),
  plain('share', 'bounded'),
  plain('shareReplay', 'bounded', { bufferSize: 1, refCount: true }),
  last('single', (i: number) => i === 3),
  plain('skip', 'bounded', 3),
  plain('skipLast', 'bounded', 3),
  plain('skipUntil', 'bounded', rx.of(0)),
  plain('skipWhile', 'bounded', (i: number) => i < 3),
  plain('startWith', 'bounded', 7),
  onTime(plain('subscribeOn', 'bounded', asyncScheduler, 2)),
  flatAll('switchAll', 'reads ahead'),
  flat('switchMap', 'reads ahead'),
  plain('switchMapTo', 'bounded', few),
  {
    ...plain('switchScan', 'reads ahead'),
    make: (inner) => op('switchScan', (_: unknown, i: unknown) => inner(i), 0),
  },
  plain('take', 'bounded', 5),
  last('takeLast', 3),
  onTime(plain('takeUntil', 'bounded', rx.timer(20))),
  plain('takeWhile', 'bounded', (i: number) => i < 9),
  plain('tap', 'bounded', same),
  timed('throttle', later, { leading: false, trailing: true }),
  timed('throttleTime', 2, asyncScheduler, { leading: false, trailing: true }),
  plain('throwIfEmpty', 'bounded'),
  {
    ...plain('timeInterval', 'bounded'),
    make: () =>
      chain(
        rx.timeInterval(),
        rx.map(({ value }: { value: unknown }) => value),
      ),
  },
  onTime({
    ...plain('timeout', 'bounded'),
    make: () =>
      chain(
        op('timeout', 20),
        rx.catchError(() => rx.of('late')),
      ),
  }),
  onTime(plain('timeoutWith', 'bounded', 20, few)),
  {
    ...plain('timestamp', 'bounded'),
    make: () =>
      chain(
        rx.timestamp(),
        rx.map(({ value }: { value: unknown }) => value),
      ),
  },
  last('toArray'),
  opened(timed('window', rx.interval(2))),
  opened(plain('windowCount', 'bounded', 4)),
  opened(timed('windowTime', 2)),
  opened(timed('windowToggle', openings, later)),
  opened(timed('windowWhen', later)),
  plain('withLatestFrom', 'bounded', few),
  plain('zip', 'bounded', few),
  ending(flatAll('zipAll', 'bounded')),
  plain('zipWith', 'reads ahead', rx.interval(1)),
]

/** Functions that `rxjs` exports and that are no operators. */
export const others: readonly string[] = [
  ...['pipe', 'noop', 'identity', 'isObservable', 'lastValueFrom', 'firstValueFrom'],
  ...['bindCallback', 'bindNodeCallback', 'connectable', 'defer', 'empty', 'forkJoin', 'from'],
  ...['fromEvent', 'fromEventPattern', 'generate', 'iif', 'interval', 'never', 'of', 'pairs'],
  ...['range', 'throwError', 'timer', 'using', 'scheduled', 'animationFrames'],
]
