/** The style sheet: tables, forms, states, charts. */
export const parts = `
.scroll { position: relative; overflow-x: auto; background: var(--paper); border: 1px solid var(--line); border-radius: 6px; }
.scroll:has(> .narrow) { width: fit-content; min-width: min(100%, 22rem); max-width: 100%; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
caption { max-width: calc(100vw - 3rem); text-align: left; padding: .5rem .75rem; color: var(--soft); font-size: .875rem; }
th, td { padding: .42rem .75rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-size: .8125rem; font-weight: 600; white-space: nowrap; }
tbody tr:last-child > * { border-bottom: 0; }
tbody tr:nth-child(even) { background: var(--row); }
tbody th { font-weight: 600; }
tbody th code { white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td, th { overflow-wrap: break-word; }
tbody th:has(.code) { min-width: 10rem; }
.checks td:last-child { min-width: 17rem; }
.sources td:nth-child(4), .sources td:last-child { min-width: 9rem; }
.journal tbody th { font-weight: 400; }
.journal td:nth-child(3), .journal td:nth-child(5) { min-width: 13rem; }
@media (max-width: 42rem) {
  .journal, .journal caption, .journal tbody { display: block; }
  .journal thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .journal tr { display: grid; grid-template-columns: auto 1fr; gap: .35rem .75rem; padding: .7rem .75rem; border-bottom: 1px solid var(--line); }
  .journal tbody tr > * { padding: 0; border: 0; min-width: 0; }
  .journal td:nth-child(n+3) { grid-column: 1 / -1; min-width: 0; }
}
time { font-variant-numeric: tabular-nums; white-space: nowrap; }
dl.facts { display: grid; grid-template-columns: fit-content(40%) 1fr; gap: .3rem 1rem; margin: 0; }
dl.facts dt { color: var(--soft); }
dl.facts dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
.state { display: inline-block; padding: .05rem .5rem; border-radius: 1rem; font-size: .8125rem; font-weight: 600; white-space: nowrap; }
.state.good { color: var(--good); background: var(--goodground); }
.state.warning { color: var(--warn); background: var(--warnground); }
.state.fault { color: var(--bad); background: var(--badground); }
.state.plain { color: var(--soft); background: var(--ground); }
.badge { display: inline-block; min-width: 1.35em; padding: 0 .35em; border-radius: 1em; font-size: .75rem; font-weight: 650; text-align: center; }
.badge.fault { color: var(--bad); background: var(--badground); }
.badge.warning { color: var(--warn); background: var(--warnground); }
.note { margin: 0 0 .75rem; padding: .6rem .9rem; border: 1px solid var(--line); border-left: 4px solid var(--line); border-radius: 4px; background: var(--paper); max-width: none; overflow-wrap: anywhere; }
.note.good { border-left-color: var(--good); }
.note.warning { border-left-color: var(--warn); }
.note.fault { border-left-color: var(--bad); }
.note p { margin: .15rem 0 0; max-width: none; }
ul.notes { margin: 0 0 1rem; padding: 0; list-style: none; }
form.ask { display: flex; flex-wrap: wrap; gap: .75rem; align-items: end; margin: 0 0 1rem; }
form.ask label, form.login label { display: block; font-size: .875rem; color: var(--soft); }
form.ask .wide { flex: 1 1 16rem; }
input, select, button { font: inherit; color: var(--ink); background: var(--paper); border: 1px solid var(--soft); border-radius: 4px; padding: .4rem .6rem; max-width: 100%; min-height: 2.4rem; }
label input, label select { display: block; width: 100%; margin-top: .15rem; }
button { cursor: pointer; background: var(--link); border-color: var(--link); color: var(--paper); font-weight: 600; }
button.quiet { background: none; color: var(--link); border-color: var(--line); font-weight: 400; padding: .15rem .6rem; min-height: 0; font-size: .875rem; }
form.login { max-width: 22rem; display: grid; gap: .8rem; }
form.login + form.login { margin-top: 2rem; }
.pages { display: flex; gap: 1rem; margin: .75rem 0; }
.chart { margin: 0; }
.chart figcaption { display: flex; flex-wrap: wrap; gap: .1rem .75rem; align-items: baseline; }
.chart figcaption strong { font-size: 1rem; }
.plot { display: grid; grid-template-columns: auto 1fr; gap: .25rem .5rem; margin-top: .5rem; color: var(--soft); font-size: .75rem; font-variant-numeric: tabular-nums; }
.plot svg { display: block; width: 100%; height: 9rem; overflow: visible; }
.scale { display: flex; flex-direction: column; justify-content: space-between; text-align: right; height: 9rem; line-height: 1; min-width: 1.5em; }
.times { grid-column: 2; display: flex; justify-content: space-between; }
.chart details { margin-top: .4rem; font-size: .875rem; }
.chart summary { cursor: pointer; color: var(--soft); }
.grid { vector-effect: non-scaling-stroke; stroke: var(--grid); stroke-width: 1; }

.series { vector-effect: non-scaling-stroke; fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.area { opacity: .14; }
.s1 { stroke: var(--first); } .s2 { stroke: var(--second); } .s3 { stroke: var(--third); }
.s1.area { fill: var(--first); stroke: none; } .s2.area { fill: var(--second); stroke: none; } .s3.area { fill: var(--third); stroke: none; }
.s2 { stroke-dasharray: none; } .s3 { stroke-dasharray: 5 3; } .s1.series { stroke-width: 2.2; }
.series.dot { stroke-linecap: round; stroke-width: 6; stroke-dasharray: none; }
.keys { flex-basis: 100%; display: flex; flex-wrap: wrap; gap: 0 .75rem; }
.key { color: var(--soft); font-size: .8125rem; white-space: nowrap; }
.key svg { display: inline-block; width: 1.2rem; height: .6rem; margin: 0 .3rem 0 0; vertical-align: middle; }
.bar-cell { display: block; width: 8rem; height: .55rem; }
.bar-cell rect { fill: var(--second); } .bar-cell .all { fill: var(--grid); }
`;
