/** The page's style. Colours are variables, so that dark mode is one block; `--c0` to `--c12` are the map's. */
export const style = `
:root {
  color-scheme: light dark;
  --ground: #fbfaf7; --card: #ffffff; --ink: #1c2126; --soft: #5c656e; --line: #e3e1da;
  --accent: #1f6f8b; --good: #2c7a4b; --alarm: #b3401f; --alarm-ground: #fdf1ec; --paper: #ffffff;
  --c0: #3a6fb5; --c1: #e0772f; --c2: #379a58; --c3: #c93f55; --c4: #8460b5; --c5: #93623f;
  --c6: #d66fae; --c7: #1fa3ad; --c8: #b29a12; --c9: #79ab32; --c10: #2b3f78; --c11: #f0a08c; --c12: #9aa1a8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171a; --card: #1c2024; --ink: #e8e9e6; --soft: #a3abb2; --line: #30363c;
    --accent: #6cbad3; --good: #74c592; --alarm: #f09a78; --alarm-ground: #2b201c; --paper: #ffffff;
    --c0: #6ea3ea; --c1: #f39a55; --c2: #62c484; --c3: #ef7385; --c4: #b194e3; --c5: #c3946d;
    --c6: #ee9acd; --c7: #4fcdd6; --c8: #d9c243; --c9: #a6d35e; --c10: #8c9fe0; --c11: #f7bfae; --c12: #6d757c;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 1rem; -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 0 clamp(1rem, 4vw, 2.5rem) 4rem; max-width: 78rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif;
}
a { color: var(--accent); text-underline-offset: .2em; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: .5rem; background: var(--card); padding: .4rem .8rem; z-index: 2; }
h1, h2, h3, h4, h5, p, ul, dl, dd, figure { margin: 0; padding: 0; }
ul { list-style: none; }
bdi { overflow-wrap: anywhere; }
small { color: var(--soft); font-weight: 400; }

header { padding-top: 2rem; }
.brand { display: flex; align-items: center; gap: .5rem; color: var(--soft); font-size: .9rem; letter-spacing: .02em; }
.brand svg { fill: none; stroke: var(--accent); stroke-width: 2; stroke-linecap: round; }
h1 { margin-top: .9rem; font-size: clamp(1.6rem, 4.5vw, 2.4rem); line-height: 1.15; letter-spacing: -.02em; font-weight: 650; text-wrap: balance; }
.lead { margin-top: .5rem; color: var(--soft); }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; margin-top: 1rem; font-size: .92rem; }
nav a { text-decoration: none; padding: .2rem 0; }
nav a:hover { text-decoration: underline; }

.counts { display: grid; grid-template-columns: repeat(3, 1fr); gap: 1px; margin-top: 1.5rem; background: var(--line); border: 1px solid var(--line); border-radius: 12px; overflow: hidden; }
.counts li { background: var(--card); padding: 1rem 1.2rem 1.1rem; }
.counts a { color: inherit; text-decoration: none; font-weight: 600; }
.counts a:hover { color: var(--accent); }
.counts b { font-size: 1.75rem; font-weight: 650; letter-spacing: -.02em; margin-right: .25rem; font-variant-numeric: tabular-nums; }
.counts p { color: var(--soft); font-size: .9rem; line-height: 1.45; }
.counts .alarm { background: var(--alarm-ground); }
.counts .alarm a { color: var(--alarm); }

section { margin-top: 3.5rem; scroll-margin-top: 1rem; }
h2 { font-size: 1.45rem; letter-spacing: -.01em; font-weight: 650; }
h2 + p { margin-top: .35rem; color: var(--soft); max-width: 46rem; }
h3 { margin: 2rem 0 .35rem; font-size: 1.08rem; font-weight: 650; }
h3 + p { color: var(--soft); margin-bottom: .9rem; }
h4 { font-size: .95rem; font-weight: 650; }
h5 { font-size: .78rem; font-weight: 500; color: var(--soft); }
.none { color: var(--soft); }

.map { display: grid; grid-template-columns: minmax(0, 1fr) 15rem; gap: 1rem; margin-top: 1rem; }
.plot, aside { background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
.plot { position: relative; overflow: hidden; height: clamp(20rem, 62vh, 36rem); }
canvas { display: block; width: 100%; height: 100%; cursor: crosshair; border-radius: 12px; }
canvas:focus-visible { outline: none; }
.plot:has(canvas:focus-visible) { outline: 2px solid var(--accent); outline-offset: 2px; }
.ring { position: absolute; left: -10px; top: -10px; width: 20px; height: 20px; border: 2px solid var(--ink); border-radius: 50%; pointer-events: none; }
.ring.hover { border-color: var(--soft); }
.tip { position: absolute; left: 0; top: 0; width: 9.5rem; padding: .5rem; background: var(--card); border: 1px solid var(--line); border-radius: 8px; box-shadow: 0 4px 18px #0003; pointer-events: none; z-index: 1; font-size: .78rem; line-height: 1.35; }
.tip img { display: block; width: 96px; height: 96px; object-fit: contain; }
.tools { display: flex; flex-wrap: wrap; justify-content: space-between; gap: .6rem 1rem; margin-top: .8rem; }
.zoom { display: flex; gap: .3rem; margin-left: auto; }
button { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 7px; cursor: pointer; }
button:hover { border-color: var(--soft); }
.zoom button { min-width: 2rem; height: 2rem; padding: 0 .6rem; font-size: .9rem; }
aside { padding: 1rem; font-size: .88rem; overflow: auto; max-height: clamp(20rem, 62vh, 36rem); }
.hint { color: var(--soft); }
aside img { display: block; width: 9rem; height: 9rem; object-fit: contain; border: 1px solid var(--line); }
.tip img, aside img, figure img { background: var(--paper); border-radius: 6px; }
aside .id, .tip .id { display: block; margin-top: .5rem; font-weight: 600; }
.tip .id { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 4; overflow: hidden; }
.map dl { display: grid; grid-template-columns: auto 1fr; gap: .15rem .7rem; margin-top: .4rem; }
.map dt { color: var(--soft); }
.map dd { overflow-wrap: anywhere; }
.tip dl { gap: .1rem .4rem; }
.legend { flex: 1 1 20rem; display: flex; flex-wrap: wrap; gap: .35rem; }
.legend button { display: flex; align-items: center; gap: .45rem; padding: .25rem .65rem; border-radius: 99px; font-size: .86rem; text-align: left; }
.legend i { flex: none; width: .7rem; height: .7rem; border-radius: 50%; border: 2px solid var(--k); background: var(--k); }
.legend [data-all] { color: var(--soft); border-style: dashed; }
.legend [aria-pressed='false'] { color: var(--soft); text-decoration: line-through; }
.legend [aria-pressed='false'] i { background: none; }
${Array.from({ length: 13 }, (_, i) => `.c${String(i)} { --k: var(--c${String(i)}); }`).join('\n')}

.groups { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(16.5rem, 100%), 1fr)); gap: .9rem; }
.group.wide { grid-column: span 2; }
.group.wider { grid-column: 1 / -1; }
.group { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: .75rem .9rem .9rem; scroll-margin-top: 1rem; }
.group.leak { border-color: var(--alarm); }
.group h4 { display: flex; flex-wrap: wrap; align-items: baseline; gap: .1rem .5rem; }
.group:target { outline: 3px solid var(--accent); }
.strip { display: grid; grid-template-columns: repeat(auto-fill, minmax(6.4rem, 1fr)); gap: .9rem .75rem; margin-top: .6rem; }
.more { align-self: center; color: var(--soft); font-size: .85rem; }
figure img, .no-picture { display: block; width: 100%; height: auto; aspect-ratio: 1; object-fit: contain; padding: 4px; border: 1px solid var(--line); border-radius: 8px; }
.keep figure img { border-color: var(--good); box-shadow: 0 0 0 1px var(--good); }
.no-picture { display: grid; place-items: center; color: var(--soft); font-size: .8rem; }
aside .no-picture, .tip .no-picture { width: 100%; height: 5rem; }
figcaption { margin-top: .35rem; font-size: .78rem; line-height: 1.35; }
figcaption .folder { display: block; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; }
figcaption .name { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; }
.folder { color: var(--soft); }
.notes { display: block; margin-top: .15rem; overflow-wrap: anywhere; color: var(--soft); font-variant-numeric: tabular-nums; }
.notes b { color: var(--ink); font-weight: 600; }
.notes span { white-space: nowrap; }
.mark { display: inline-block; padding: 0 .4rem; border-radius: 5px; font-size: .74rem; font-weight: 600; border: 1px solid; }
.mark.keep { color: var(--good); }
.mark.alarm { color: var(--alarm); }

.labels article { display: grid; grid-template-columns: 9rem 1fr 1fr; gap: .3rem 1.5rem; padding: .9rem 0; border-top: 1px solid var(--line); }
.labels .strip { grid-template-columns: repeat(auto-fill, minmax(4.4rem, 1fr)); gap: .5rem; margin-top: .3rem; }
.labels figure img, .labels .no-picture { padding: 3px; }
.labels figcaption { font-size: .7rem; }
.labels figcaption .folder { display: none; }
.labels .notes span { white-space: normal; }

.scale { display: flex; gap: .3rem 1.2rem; margin: .9rem 0 0; padding: 0; border: 0; font-size: .9rem; }
.scale legend { float: left; margin-right: 1rem; color: var(--soft); }
.metrics, h2 + p + .groups { margin-top: .9rem; }
.metrics { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(15rem, 100%), 1fr)); gap: .9rem; }
.metrics li { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: .7rem .9rem .8rem; }
.metrics h3 { margin: 0 0 .4rem; font-size: .95rem; }
.metrics h3 + svg + p { display: flex; justify-content: space-between; color: var(--soft); font-size: .78rem; font-variant-numeric: tabular-nums; }
.metrics .flags { font-size: .82rem; color: var(--soft); }
.histogram { display: block; width: 100%; height: 4.5rem; border-bottom: 1px solid var(--soft); }
.histogram path { fill: none; stroke-width: 1.5; vector-effect: non-scaling-stroke; }
.histogram .bars { fill: var(--c0); fill-opacity: .45; }
.histogram .red { stroke: #d33f3f; }
.histogram .green { stroke: #2f9a4a; }
.histogram .blue { stroke: #3e6fe0; }
.histogram .alpha, .histogram .gray { stroke: var(--soft); }
.histogram .log, section:has([name='scale'][value='log']:checked) .histogram .linear { display: none; }
section:has([name='scale'][value='log']:checked) .histogram .log { display: inline; }
.labels .metric { grid-template-columns: 9rem minmax(0, 1fr); }
.metric h4, .metrics h3 { overflow-wrap: anywhere; }
.labels .metric small { display: block; }
.labels .metric .notes { font-size: .72rem; }
.wide-table { overflow-x: auto; }
.by-class { font-size: .84rem; font-variant-numeric: tabular-nums; }
.by-class tbody th { width: auto; white-space: nowrap; }
.by-class thead th { white-space: normal; vertical-align: bottom; }

table { width: 100%; border-collapse: collapse; margin-top: 1rem; font-size: .9rem; }
tbody th { width: 32%; }
td:not(:last-child) { white-space: nowrap; }
th, td { text-align: left; vertical-align: top; padding: .5rem .9rem .5rem 0; border-top: 1px solid var(--line); font-weight: 400; overflow-wrap: anywhere; }
thead th { border-top: 0; white-space: nowrap; color: var(--soft); font-size: .82rem; }
code { font: .88em ui-monospace, 'SF Mono', Menlo, 'DejaVu Sans Mono', monospace; }
.made { display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); gap: 0 2.5rem; margin-bottom: 1.5rem; }
.made h3 { margin-top: 1.2rem; }
.made dl > div { display: flex; justify-content: space-between; gap: 1rem; padding: .25rem 0; border-top: 1px solid var(--line); font-size: .88rem; }
.made dt { color: var(--soft); overflow-wrap: anywhere; }
.made dd { text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }

@media (max-width: 46rem) {
  .map { grid-template-columns: minmax(0, 1fr); }
  .plot { height: 22rem; }
  .group.wide { grid-column: auto; }
  .labels article, .labels .metric { grid-template-columns: minmax(0, 1fr); }
  .by-class td::before { content: attr(data-name) ' '; color: var(--soft); }
  .by-class td { display: inline-block; margin-right: 1rem; }
  .counts { grid-template-columns: 1fr 1fr; }
  .counts li { padding: .8rem .9rem .9rem; }
  .counts b { font-size: 1.5rem; }
  thead { position: absolute; left: -100vw; }
  tr { display: block; border-top: 1px solid var(--line); padding: .5rem 0; }
  th, td { display: block; border: 0; padding: .1rem 0; }
}
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
@media print { nav, .zoom, .skip { display: none; } .group, .labels article { break-inside: avoid; } }
`
