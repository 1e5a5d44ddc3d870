"""The style of a report: on a screen of any width, light or dark, and on paper."""

from streamserver.lab.report import charts

STYLE = f"""{charts.STYLE}
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 46rem; background: var(--page);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }}
h1 {{ margin: 0; font-size: 1.4rem; line-height: 1.3; overflow-wrap: anywhere; }}
h2 {{ margin: 2.4rem 0 0.4rem; font-size: 1.1rem; overflow-wrap: anywhere; }}
p {{ margin: 0.4rem 0; }}
.kind, figcaption, summary, .note, .key {{ font-size: 0.85rem; color: var(--quiet); }}
.verdict {{ margin: 1rem 0; padding: 0.7rem 0.9rem; border: 1px solid var(--line);
  border-left: 0.4rem solid currentColor; overflow-wrap: anywhere; }}
.verdict.none {{ color: var(--quiet); }} .verdict span {{ color: var(--ink); }}
.verdict b {{ font-size: 1.1rem; }}
.tiles {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr));
  gap: 0.6rem; margin: 1rem 0; }}
.tiles div {{ padding: 0.5rem 0.7rem; border: 1px solid var(--line); break-inside: avoid; }}
.tiles dt {{ font-size: 0.85rem; color: var(--quiet); overflow-wrap: anywhere; }}
.tiles dd {{ margin: 0; font-size: 0.85rem; color: var(--quiet); }}
.tiles dd b {{ display: block; font-size: 1.25rem; font-weight: 600; color: var(--ink); }}
figure {{ margin: 0; break-inside: avoid; }}
svg {{ display: block; width: 100%; height: auto; overflow: visible; }}
h2 {{ break-after: avoid; }} tr {{ break-inside: avoid; }}
.wide {{ overflow-x: auto; }} table {{ border-collapse: collapse; white-space: nowrap; }}
th, td {{ padding: 0.2rem 1.2rem 0.2rem 0; text-align: left; font-weight: normal; }}
thead th {{ border-bottom: 1px solid var(--line); color: var(--quiet); }}
tbody th {{ position: sticky; left: 0; background: var(--page); }}
td.text {{ min-width: 12rem; white-space: normal; overflow-wrap: anywhere; }}
.numbers td, .numbers th + th {{ padding: 0.2rem 0 0.2rem 1.2rem; text-align: right; }}
.numbers td.text, .numbers th.text {{ text-align: left; }}
.numbers, .pairs dd {{ font: 0.8rem/1.7 ui-monospace, Menlo, Consolas, monospace; }}
.pairs {{ display: grid; grid-template-columns: fit-content(40%) 1fr; gap: 0.1rem 1.2rem;
  margin: 0.5rem 0; }}
.pairs dt {{ color: var(--quiet); font-size: 0.85rem; overflow-wrap: anywhere; }}
.pairs dd {{ margin: 0; overflow-wrap: anywhere; }}
.glossary dt {{ margin-top: 0.5rem; font-weight: 600; font-size: 0.9rem; }}
.glossary dd {{ margin: 0; font-size: 0.9rem; }}
.glossary div, .pairs dt {{ break-inside: avoid; }}
summary {{ min-height: 1.6rem; cursor: pointer; }}
.key span {{ display: inline-block; padding-right: 1.2em; overflow-wrap: anywhere; }}
.key i {{ display: inline-block; width: 0.8em; height: 0.8em; margin-right: 0.4em;
  background: currentColor; print-color-adjust: exact; }}
.key svg {{ display: inline-block; width: 2em; height: 0.8em; margin-right: 0.4em; }}
[class*=" on-"] {{ fill: var(--page); font-weight: 600; }} .on-rest {{ fill: var(--ink); }}
.mark {{ fill: currentColor; stroke: var(--page); }}
.cross {{ stroke: currentColor; stroke-width: 1.6; fill: none; }}
.bar, .event, .c0 {{ color: var(--a); }} .faint, .rest {{ color: var(--faint); }}
.failed, .missed {{ color: var(--failed); }} .met {{ color: var(--met); }}
.waited-to-begin, .due {{ color: var(--quiet); }}
.c1, .head {{ color: var(--b); }} .c2, .TLS {{ color: var(--c); }}
.c3, .first-byte {{ color: var(--d); }} .c4, .connect {{ color: var(--e); }}
.c5, .first-token {{ color: var(--f); }} .c6, .first-reasoning {{ color: var(--g); }}
.limit, .knee {{ color: var(--ink); fill: var(--ink); stroke-dasharray: 3 3; }}
.c7 {{ color: var(--ink); }} .c8 {{ color: var(--quiet); }} .c9, .send {{ color: var(--h); }}
.c1, .c5 {{ stroke-dasharray: 7 3; }} .c2, .c6 {{ stroke-dasharray: 2 3; }}
.c3, .c7 {{ stroke-dasharray: 9 3 2 3; }} .c4, .c8 {{ stroke-dasharray: 4 2; }}
.whisker, .zero {{ stroke: currentColor; stroke-width: 1.8; stroke-dasharray: none; }}
@media (max-width: 34rem) {{ .pairs {{ display: block; }} .pairs dt {{ margin-top: 0.4rem; }} }}
@page {{ size: A4; margin: 16mm 14mm; }}
@media print {{
  body {{ padding: 0; max-width: none; font-size: 10.5pt; }} .wide {{ overflow: visible; }}
  h2 {{ margin-top: 1.2rem; }} figure svg[role] {{ width: 85%; }} /* three charts to a page */
  table {{ font-size: 8.5pt; }} .numbers td, .numbers th + th {{ padding-left: 0.7rem; }}
  details::details-content {{ content-visibility: visible; block-size: auto; }}
}}
"""
