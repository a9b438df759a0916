"""The page's style: light and dark, a laptop's and a phone's width, nothing from elsewhere."""

CSS = """
:root { color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --ink: #1f2430; --soft: #5b6272; --line: #dde1e8;
  --code: #f3f4f7; --good: #0a6b3d; --good-back: #dcf5e6; --bad: #a31621; --bad-back: #fde3e3;
  --link: #1d4ed8; --key: #7c2d92; --text: #0a6b3d; --number: #a34a00; }
@media (prefers-color-scheme: dark) { :root {
  --page: #14171d; --card: #1c2029; --ink: #e7eaf0; --soft: #a3abba; --line: #323846;
  --code: #14171d; --good: #7fe0a8; --good-back: #12351f; --bad: #ff9c9c; --bad-back: #4a1a1d;
  --link: #93b4ff; --key: #d7a6ff; --text: #8fd9a8; --number: #ffb77a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 24px 16px 48px; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 8px; }
h2 { font-size: 1.25rem; margin: 40px 0 12px; }
p { margin: 0 0 10px; max-width: 75ch; }
a { color: var(--link); }
.soft { color: var(--soft); font-size: .9rem; }
.badge { display: inline-block; padding: 1px 10px; border-radius: 999px; font-weight: 600;
  font-size: .85rem; white-space: nowrap; background: var(--good-back); color: var(--good); }
.badge.bad { background: var(--bad-back); color: var(--bad); }
.tally { font-size: 1.05rem; }
nav { display: flex; flex-wrap: wrap; gap: 6px; margin: 16px 0; }
nav a { min-width: 34px; padding: 4px 6px; border: 1px solid var(--line); border-radius: 8px;
  background: var(--card); text-align: center; text-decoration: none; }
nav a.bad { background: var(--bad-back); color: var(--bad); border-color: currentColor; }
table { width: 100%; border-collapse: separate; border-spacing: 0; table-layout: fixed;
  background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
thead th { padding: 10px 16px; text-align: left; color: var(--soft); font-size: .85rem; }
col.name { width: 24%; } col.difference { width: 120px; }
tbody td { padding: 3px 16px; vertical-align: top; overflow-wrap: anywhere; }
.value { font: .86rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
.name { color: var(--soft); }
td.difference, th.difference { text-align: right; }
tr.title th { padding: 14px 16px 6px; text-align: left; border-top: 1px solid var(--line);
  font-weight: 600; scroll-margin-top: 8px; }
.head { display: flex; gap: 12px; align-items: baseline; }
.head .number { color: var(--link); min-width: 1.6em; }
.head .what { flex: 1; }
tr.differs td { color: var(--bad); }
tr.reason td { color: var(--bad); font-size: .9rem; }
tr.code td { padding: 6px 16px 14px; }
details > summary { cursor: pointer; color: var(--link); font-size: .9rem; padding: 4px 0; }
.sides { display: grid; grid-template-columns: 1fr 1fr; gap: 12px; }
.sides > div { min-width: 0; }
.sides h3 { font-size: .85rem; margin: 8px 0 4px; color: var(--soft); }
pre { margin: 0; padding: 12px; overflow-x: auto; background: var(--code); border-radius: 8px;
  border: 1px solid var(--line); font: .8rem/1.5 ui-monospace, Menlo, Consolas, monospace;
  overflow-wrap: normal; }
pre .k { color: var(--key); } pre .s { color: var(--text); } pre .n { color: var(--number); }
pre .c { color: var(--soft); font-style: italic; }
.figures { display: grid; grid-template-columns: 1fr 1fr; gap: 16px; }
figure { margin: 0; padding: 14px; background: #ffffff; color: #1f2430; border-radius: 12px;
  border: 1px solid var(--line); display: flex; flex-direction: column; color-scheme: light; }
figure svg { display: block; width: 100%; height: auto; max-width: 480px; margin: auto; }
figure.tall svg { max-width: 230px; }
figcaption { margin-top: 10px; font-size: .92rem; }
@media (max-width: 720px) {
  main { padding: 16px 12px 40px; }
  h1 { font-size: 1.4rem; }
  .figures, .sides { grid-template-columns: minmax(0, 1fr); }
  figure { padding: 10px 8px; }
  table, tbody, tr, td, tr.title th { display: block; width: auto; }
  table { background: none; border: 0; }
  thead, colgroup { display: none; }
  tbody { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
    margin-bottom: 12px; padding-bottom: 4px; }
  tr.title th { border-top: 0; padding: 12px 12px 6px; }
  .head { flex-wrap: wrap; gap: 4px 10px; }
  .head .what { flex: 1 1 80%; order: 1; }
  tbody td { padding: 1px 12px; }
  tr.entry { padding-bottom: 6px; }
  tr.entry td.value { display: grid; grid-template-columns: 76px minmax(0, 1fr); }
  tr.entry td.value::before { content: attr(data-side); color: var(--soft);
    font-family: system-ui, sans-serif; }
  td.difference { text-align: left; }
  tr.entry td.difference:empty { display: none; }
  tr.code td { padding: 4px 12px 10px; }
}
"""
