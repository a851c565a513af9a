"""How the page looks: light and dark, narrow and wide, on paper."""

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --card: #f6f7f9; --ink: #1a1e23; --soft: #5a6570; --line: #d7dce1;
  --base: #b4bec9; --live: #0a5fd0; --bad: #bd2415; --bad-paper: #fdecea; --good: #1d7a3c; --met: #8fb89c; }
@media (prefers-color-scheme: dark) { :root { --paper: #121518; --card: #1b2025; --ink: #e7eaed; --soft: #a0abb6;
  --line: #343c44; --base: #56626e; --live: #6db0ff; --bad: #ff8a7d; --bad-paper: #3a1d1a; --good: #6fcf8d;
  --met: #43664f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem 1rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: clamp(1.3rem, 4.5vw, 1.75rem); line-height: 1.2; margin: .2rem 0 .6rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .8rem; }
h3 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
p { margin: .3rem 0; }
a { color: var(--live); }
.soft, .kind, dt, th { color: var(--soft); }
.small, dl, table { font-size: .875rem; }
.drifts h1 { color: var(--bad); }
.fine h1 { color: var(--good); }
.note { border-left: .25rem solid var(--bad); padding: .3rem .8rem; background: var(--bad-paper); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .6rem 0 0; }
dd { margin: 0; overflow-wrap: anywhere; }
dl.long { display: block; }
dl.long dd { margin-bottom: .4rem; }
ol.violations { list-style: none; margin: 0; padding: 0; display: grid; gap: .6rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); }
ol.violations > li { border-left: .25rem solid var(--bad); background: var(--card); padding: .6rem .9rem;
  min-width: 0; }
ol.violations svg { max-width: 21.25rem; margin-bottom: 0; }
.kind { font-weight: 400; font-size: .875rem; }
.words { color: var(--bad); font-weight: 600; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); gap: 1rem;
  align-items: start; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .4rem; padding: .8rem 1rem; min-width: 0;
  break-inside: avoid; }
.card.violated { border-color: var(--bad); }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.4rem; margin-bottom: .2rem; }
details { margin-bottom: .9rem; max-width: 46rem; }
.legend svg { display: inline-block; width: 1.6rem; height: .8rem; margin: 0 .4rem 0 0; vertical-align: baseline; }
svg { display: block; width: 100%; max-width: 30rem; height: auto; margin: .5rem 0; }
svg text { font: 11.5px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: var(--soft); }
svg .new-word { fill: var(--bad); font-weight: 700; }
svg .base { fill: var(--base); }
svg .live { fill: none; stroke: var(--live); stroke-width: 2; stroke-linejoin: round; }
svg .bar { fill: var(--live); }
svg .new, svg .bad { fill: var(--bad); }
svg .met { fill: var(--met); }
svg .none { fill: var(--soft); }
svg .axis { stroke: var(--soft); }
svg .faint { stroke: var(--line); stroke-dasharray: 2 3; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 400; white-space: nowrap; }
.time { white-space: nowrap; }
td.number, th.number { text-align: right; }
code { font-size: .85em; overflow-wrap: anywhere; }
summary { cursor: pointer; }
@media print { body { max-width: none; padding: 0; font-size: 11pt; } * { print-color-adjust: exact; }
  h2, h3 { break-after: avoid; } .cards { grid-template-columns: 1fr 1fr; }
  ol.violations > li, tr { break-inside: avoid; }
  }
"""
