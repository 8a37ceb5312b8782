"""The frame of a plan's page: style and the few lines of script that find and open."""

HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root {{ color-scheme: light dark; --ink: #1f2328; --soft: #59636e; --paper: #fff; --card: #f6f8fa;
  --line: #d1d9e0; --add: #dafbe1; --del: #ffebe9; --hunk: #ddf4ff; --link: #0969da;
  --heed: #9a6700; --grave: #cf222e; --kind: #eaeef2 }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e6edf3; --soft: #9198a1; --paper: #0d1117;
  --card: #151b23; --line: #3d444d; --add: #12361f; --del: #47191c; --hunk: #121d2f;
  --link: #4493f8; --heed: #d29922; --grave: #f85149; --kind: #262c36 }} }}
body {{ font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  margin: 0 auto; max-width: 68rem; padding: 1.5rem 1rem 4rem }}
a {{ color: var(--link); text-decoration: none }} a:hover {{ text-decoration: underline }}
h1 {{ font-size: 1.6rem; margin: 0 }} h2 {{ font-size: 1.15rem; margin: 2rem 0 0 }}
small, .of, .meaning, .left {{ color: var(--soft); font-weight: 400 }}
.of, .meaning {{ margin: .2rem 0 .8rem }} .left {{ margin: .2rem 0; overflow-wrap: anywhere }}
nav {{ display: flex; flex-wrap: wrap; gap: .5rem; margin: 1rem 0 }}
nav a {{ border: 1px solid var(--line); border-radius: 8px; padding: .35rem .8rem;
  color: inherit; background: var(--card) }}
nav b {{ font-size: 1.1rem }} #licence h2 {{ color: var(--grave) }}
.tools {{ position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: .4rem;
  align-items: center; padding: .6rem 0; background: var(--paper);
  border-bottom: 1px solid var(--line) }}
.tools input {{ flex: 1 1 16rem; min-width: 0; font: inherit; padding: .35rem .6rem;
  color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 6px }}
button {{ font: inherit; font-size: .85rem; padding: .35rem .7rem; cursor: pointer; color: inherit;
  background: var(--card); border: 1px solid var(--line); border-radius: 6px }}
button[aria-pressed=true] {{ border-color: var(--link); box-shadow: inset 0 0 0 1px var(--link) }}
#shown {{ color: var(--soft); font-size: .85rem }}
.repo {{ border: 1px solid var(--line); border-radius: 8px; margin: .4rem 0;
  padding: 0 .8rem; content-visibility: auto; contain-intrinsic-size: auto 2.6rem }}
.repo[open] {{ padding-bottom: .6rem }}
summary {{ cursor: pointer; padding: .5rem 0; overflow-wrap: anywhere }}
summary b {{ font-weight: 600; margin-right: .6rem }}
i {{ font-style: normal; font-size: .75rem; padding: .1rem .45rem; border-radius: 1rem;
  background: var(--kind); margin-right: .3rem; white-space: nowrap }}
i.k-licence {{ color: #fff; background: #cf222e }}
i.k-heed {{ color: var(--heed); background: none; border: 1px solid }}
ul {{ margin: .3rem 0; padding-left: 0; list-style: none }} li {{ overflow-wrap: anywhere }}
.heed {{ color: var(--heed); border-left: 3px solid; padding-left: .6rem }}
.file {{ margin-top: .5rem }}
.file summary {{ font: 13px ui-monospace, monospace; padding: .2rem 0 }}
pre {{ font: 12.5px/1.5 ui-monospace, monospace; margin: 0; overflow-x: auto;
  border: 1px solid var(--line); border-radius: 6px; background: var(--card) }}
pre > * {{ display: block; text-decoration: none; padding: 0 .6rem; white-space: pre-wrap;
  overflow-wrap: anywhere }}
pre ins {{ background: var(--add) }} pre del {{ background: var(--del) }}
pre u {{ background: var(--hunk); color: var(--soft) }}
</style></head><body>
"""

FOOT = """<script>
const repos = [...document.querySelectorAll(".repo")];
const find = document.getElementById("find"), open = document.getElementById("open");
const picks = [...document.querySelectorAll(".pick")], shown = document.getElementById("shown");
const words = new Map(repos.map(one => [one, [...one.querySelectorAll("summary, li")]
  .map(part => part.textContent).join(" ").toLowerCase()]));
function sift() {
  const asked = find.value.trim().toLowerCase();
  const kinds = picks.filter(one => one.ariaPressed === "true").map(one => one.dataset.kind);
  let count = 0;
  for (const one of repos) {
    const has = one.dataset.kinds.split(" ");
    const fits = words.get(one).includes(asked) && kinds.every(kind => has.includes(kind));
    one.hidden = !fits;
    count += fits;
  }
  for (const one of document.querySelectorAll(".left"))
    one.hidden = kinds.length > 0 || !one.textContent.toLowerCase().includes(asked);
  shown.textContent = count === repos.length ? "" : `${count} of ${repos.length} that change`;
}
find.addEventListener("input", sift);
for (const one of picks) one.addEventListener("click", () => {
  one.ariaPressed = String(one.ariaPressed !== "true");
  sift();
});
open.addEventListener("click", () => {
  const opening = open.textContent === "Open all";
  for (const one of repos) if (!one.hidden) one.open = opening;
  open.textContent = opening ? "Close all" : "Open all";
});
</script></body></html>
"""
