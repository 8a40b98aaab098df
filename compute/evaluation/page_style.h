// The report's style sheet: light, dark and paper, nothing from outside.
// ... -> evaluation -> [report]. Knows the class names in report.cc, chart.cc.
#ifndef NEVUS_COMPUTE_EVALUATION_PAGE_STYLE_H_
#define NEVUS_COMPUTE_EVALUATION_PAGE_STYLE_H_

namespace nevus {

inline constexpr char kPageStyle[] = R"css(
:root {
  color-scheme: light dark;
  --paper: #f6f4f1; --card: #ffffff; --ink: #23201d; --soft: #6a635b;
  --rule: #e3ddd5; --accent: #9c3d2e; --area: #9c3d2e1a; --on-accent: #ffffff;
  --good: 160 45% 38%; --bad: 8 60% 50%;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #171513; --card: #211e1b; --ink: #f0ebe4; --soft: #aba196;
    --rule: #38332d; --accent: #ee9078; --area: #ee907822; --on-accent: #231510;
    --good: 160 40% 45%; --bad: 8 60% 55%;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans",
    "DejaVu Sans", sans-serif;
  font-variant-numeric: tabular-nums;
}
main { max-width: 1120px; margin: 0 auto; padding: 48px 24px 64px; }
header { margin-bottom: 28px; }
h1, h2 { font-family: Georgia, "Noto Serif", "DejaVu Serif", serif;
  font-weight: 500; line-height: 1.2; letter-spacing: -0.01em; }
h1 { font-size: 38px; margin: 0 0 8px; overflow-wrap: anywhere; }
h2 { font-size: 24px; margin: 48px 0 6px; }
h3 { font-size: 15px; margin: 0 0 10px; font-weight: 600; }
p { margin: 0 0 12px; max-width: 74ch; }
.soft, figcaption, caption { color: var(--soft); }
.eyebrow { font-size: 13px; letter-spacing: 0.08em; text-transform: uppercase;
  color: var(--soft); margin: 0 0 10px; }
.badge { display: inline-block; background: var(--accent);
  color: var(--on-accent); border-radius: 4px; padding: 1px 9px;
  font-weight: 700; letter-spacing: 0.1em; margin-right: 10px; }
.notice { border-left: 4px solid var(--accent); background: var(--card);
  padding: 12px 18px; border-radius: 0 8px 8px 0; margin: 0 0 28px; }
.notice p { margin: 0; max-width: none; }
.tiles, .charts, .matrices, .examples { display: grid; gap: 16px; }
.tiles { grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); }
.charts { grid-template-columns: repeat(auto-fit, minmax(310px, 1fr)); }
.matrices { grid-template-columns: repeat(auto-fit, minmax(310px, 1fr)); }
.examples { grid-template-columns: repeat(auto-fill, minmax(118px, 1fr)); }
.card { background: var(--card); border: 1px solid var(--rule);
  border-radius: 12px; padding: 18px 20px; margin: 0; break-inside: avoid; }
.tile .name { font-size: 14px; color: var(--soft); }
.tile .value { font-size: 34px; line-height: 1.25; }
.tile .aside { font-size: 14px; color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; padding-bottom: 8px; font-size: 14px; }
th, td { text-align: right; padding: 8px 10px; vertical-align: top;
  border-bottom: 1px solid var(--rule); }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
tr:last-child > * { border-bottom: 0; }
thead small { font-weight: 400; }
thead th { font-size: 13px; font-weight: 600; color: var(--soft);
  vertical-align: bottom; }
tbody th { font-weight: 600; }
td small, thead small { display: block; color: var(--soft); font-size: 13px;
  white-space: nowrap; }
.facts td { text-align: left; overflow-wrap: anywhere; }
.facts th { text-align: left; white-space: nowrap; color: var(--soft);
  font-weight: 400; padding-right: 24px; width: 1%; }
.matrix td { text-align: center; font-size: 22px; border: 3px solid var(--card);
  border-radius: 8px; width: 33%; padding: 12px 8px; }
.matrix td.right { background: hsl(var(--good) / calc(0.10 + var(--share) * 0.5)); }
.matrix td.wrong { background: hsl(var(--bad) / calc(0.06 + var(--share) * 0.5)); }
.matrix td small { color: var(--ink); }
.matrix th { border: 0; text-align: center; font-size: 13px; }
.matrix tbody th { text-align: left; vertical-align: middle; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font-size: 12px; }
svg .axis { font-size: 13px; fill: var(--ink); }
svg .grid { stroke: var(--rule); fill: none; }
svg .area { fill: var(--area); }
svg .line { stroke: var(--accent); stroke-width: 2.2; fill: none;
  stroke-linejoin: round; }
svg .reference { stroke: var(--soft); stroke-dasharray: 4 4; fill: none; }
svg .bar { stroke: var(--accent); stroke-width: 1.4; opacity: 0.55; fill: none; }
svg .dot { fill: var(--accent); }
svg .marker circle { fill: var(--ink); stroke: var(--card); stroke-width: 2; }
svg .marker text { fill: var(--card); font-weight: 700; font-size: 11px; }
figcaption { font-size: 14px; margin-top: 8px; }
.example { margin: 0; font-size: 13px; break-inside: avoid; }
.example img { width: 100%; aspect-ratio: 1; object-fit: cover;
  border-radius: 8px; display: block; background: var(--rule); }
.example figcaption { font-size: 13px; overflow-wrap: anywhere; }
.example b { color: var(--ink); font-weight: 600; }
.kind { margin-top: 22px; }
footer { margin-top: 56px; padding-top: 16px; border-top: 1px solid var(--rule);
  color: var(--soft); font-size: 14px; }
@media print {
  :root { --paper: #fff; --card: #fff; --ink: #000; --soft: #444; --rule: #ccc;
    --accent: #8a2f21; --area: #8a2f2112; --on-accent: #fff; }
  body { font-size: 11pt; print-color-adjust: exact; }
  main { max-width: none; padding: 0; }
  h2 { break-after: avoid; }
  .charts, .matrices { grid-template-columns: 1fr 1fr; }
  .examples { grid-template-columns: repeat(6, 1fr); }
}
)css";

}  // namespace nevus

#endif  // NEVUS_COMPUTE_EVALUATION_PAGE_STYLE_H_
