/** The style sheet: type, the bar at the top, what is beside what. */
export const layout = `
* { box-sizing: border-box; }
html { font: 100%/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }
body { margin: 0; background: var(--ground); color: var(--ink); }
a { color: var(--link); text-underline-offset: .15em; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; border-radius: 2px; }
main:focus { outline: none; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: .5rem; top: .5rem; padding: .4rem .8rem; background: var(--paper); z-index: 1; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
header { background: var(--paper); border-bottom: 1px solid var(--line); }
.bar, nav, main, footer { max-width: 76rem; margin: 0 auto; padding: 0 1rem; }
.bar { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: center; gap: .25rem 1rem; padding-top: .6rem; padding-bottom: .3rem; }
.brand { margin: 0; font-weight: 650; letter-spacing: -.01em; }
.brand a { color: inherit; text-decoration: none; }
.relay { margin-left: .5rem; color: var(--soft); font-weight: 400; overflow-wrap: anywhere; }
.who { display: flex; gap: .75rem; align-items: center; color: var(--soft); font-size: .875rem; overflow-wrap: anywhere; }
nav ul { display: flex; flex-wrap: wrap; gap: 0 .25rem; margin: 0 -.5rem; padding: 0; list-style: none; }
nav a { display: block; padding: .45rem .6rem; color: var(--soft); text-decoration: none; border-bottom: 3px solid transparent; }
nav a:hover { color: var(--ink); border-color: var(--line); }
nav a[aria-current] { color: var(--ink); font-weight: 600; border-color: var(--link); }
main { padding-top: 1.25rem; padding-bottom: 2rem; }
h1 { margin: 0 0 1rem; font-size: 1.65rem; line-height: 1.2; letter-spacing: -.015em; }
h2 { margin: 2rem 0 .6rem; font-size: 1.125rem; line-height: 1.3; }
h3 { margin: 1.25rem 0 .3rem; font-size: 1rem; }
p { margin: .4rem 0; max-width: 48rem; }
footer { padding-bottom: 1.5rem; color: var(--soft); font-size: .8125rem; }
code, .code { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: .875em; overflow-wrap: anywhere; }
.soft { color: var(--soft); }
.small { font-size: .875rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.2rem, 1fr)); gap: 0 .75rem; margin: 0; }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: 6px; padding: .7rem .9rem; min-width: 0; display: grid; grid-row: span 3; grid-template-rows: subgrid; gap: 0; align-content: start; }
.card { margin-bottom: .75rem; }
.card dt { color: var(--soft); font-size: .8125rem; }
.card dd { margin: 0; }
.card .figure { font-size: 1.6rem; line-height: 1.25; font-weight: 600; font-variant-numeric: tabular-nums; letter-spacing: -.02em; overflow-wrap: anywhere; }
.card .aside { color: var(--soft); font-size: .8125rem; }
.stack { display: grid; gap: .75rem; }
.panel h2:first-child { margin-bottom: .5rem; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: .75rem; }
.panel { background: var(--paper); border: 1px solid var(--line); border-radius: 6px; padding: .8rem 1rem; min-width: 0; }
.panel > h2:first-child, .panel > h3:first-child { margin-top: 0; }
@media (max-width: 30rem) {
  html { font-size: 93.75%; }
  .bar, nav, main, footer { padding-left: .75rem; padding-right: .75rem; }
  .cards { grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: 0 .5rem; }
  .card { padding: .55rem .7rem; margin-bottom: .5rem; }
  nav a { padding: .35rem .5rem; }
}
@media print { nav, .who, footer { display: none; } body { background: none; } }
`;
