// Opens each page of `cases` in a frame of its width and lists what is not whole there: elements beyond the edges, boxes that
// hide or scroll a part of what they hold, texts beyond their figures or too small.
//
// A case is {name, file, width, print, height}. In print the rules of `@media print` apply and those of `@media screen` do
// not, at the width of the paper between its margins, which is how the browser lays a page out before it cuts it into sheets;
// `height` is that of a sheet. All sizes are CSS pixels.
const SLACK = 1;

function asPrinted(page) {
  for (const sheet of page.styleSheets) {
    for (const rule of sheet.cssRules) {
      if (!(rule instanceof page.defaultView.CSSMediaRule)) continue;
      const media = rule.media.mediaText;
      if (media === 'print') rule.media.mediaText = 'all';
      else if (media.includes('screen')) rule.media.mediaText = 'not all';
    }
  }
}

function name(element) {
  const place = element.closest('[id]');
  const text = (element.textContent || '').trim().slice(0, 40);
  return `${element.tagName.toLowerCase()} in #${place ? place.id : '?'} "${text}"`;
}

const visible = (element) => element.checkVisibility() && element.getClientRects().length > 0;

function figures(page, test, say) {
  const all = [...page.querySelectorAll('.figure')];
  for (const figure of all) {
    const drawn = [...figure.querySelectorAll('svg')].filter(visible);
    if (drawn.length !== 1) say(`${drawn.length} forms of #${figure.id} are shown`);
    for (const svg of drawn) {
      const box = svg.getBoundingClientRect();
      const place = figure.getBoundingClientRect();
      if (box.left < place.left - SLACK || box.right > place.right + SLACK || box.bottom > place.bottom + SLACK) {
        say(`#${figure.id} is cut: ${box.width} in ${place.width}`);
      }
      const matrix = svg.getScreenCTM();
      for (const text of svg.querySelectorAll('text')) {
        const at = text.getBoundingClientRect();
        const size = parseFloat(page.defaultView.getComputedStyle(text).fontSize) * matrix.a;
        if (size < test.text) say(`${name(text)} is ${size.toFixed(1)} px high`);
        if (at.left < box.left - SLACK || at.right > box.right + SLACK || at.top < box.top - SLACK || at.bottom > box.bottom + SLACK) {
          say(`${name(text)} is beyond its figure`);
        }
      }
      const most = figure.classList.contains('tall') ? test.height : test.height / 2;
      if (test.print && box.height > most - 10) say(`#${figure.id} is ${box.height} high, of a sheet of ${test.height}`);
    }
  }
  return all.length;
}

function boxes(page, test, say) {
  const root = page.documentElement;
  if (root.scrollWidth > root.clientWidth) say(`the page is ${root.scrollWidth} wide in ${root.clientWidth}`);
  for (const element of page.querySelectorAll('main, main *:not(svg *)')) {
    const style = page.defaultView.getComputedStyle(element);
    const scrolls = element.closest('.scroll, pre');
    if (test.print) {
      if (!visible(element) && !element.closest('.full, .narrow, .save')) say(`${name(element)} is hidden`);
    } else if (!visible(element) || (scrolls && scrolls !== element && element.tagName !== 'CAPTION')) {
      // What lies in a box that scrolls may be wide; its heading may not.
      continue;
    }
    const at = element.getBoundingClientRect();
    if (at.left < -SLACK || at.right > root.clientWidth + SLACK) {
      say(`${name(element)} reaches from ${at.left.toFixed(0)} to ${at.right.toFixed(0)}`);
    }
    const over = element.scrollWidth > element.clientWidth + SLACK && element.clientWidth > 0;
    const allowed = !test.print && scrolls === element && /auto|scroll/.test(style.overflowX);
    if (over && !allowed && style.display !== 'inline') {
      say(`${name(element)} holds ${element.scrollWidth} in ${element.clientWidth}`);
    }
  }
}

async function measured(test) {
  const frame = document.createElement('iframe');
  frame.style = `border:0;width:${test.width}px;height:900px`;
  const loaded = new Promise((done) => frame.addEventListener('load', done));
  frame.src = test.file;
  document.body.append(frame);
  await loaded;
  const page = frame.contentDocument;
  const found = [];
  const say = (text) => found.push(text);
  for (const folded of page.querySelectorAll('details')) folded.open = !test.print;
  if (test.print) asPrinted(page);
  await page.fonts.ready;
  if (!page.fonts.check('14px Inter')) say('the font of the page is not loaded');
  const shown = figures(page, test, say);
  boxes(page, test, say);
  const tables = page.querySelectorAll('table').length;
  frame.remove();
  return { name: test.name, figures: shown, tables, found };
}

(async () => {
  const results = [];
  for (const test of cases) results.push(await measured(test));
  const out = document.createElement('pre');
  out.id = 'measured';
  out.textContent = JSON.stringify(results);
  document.body.append(out);
})();
