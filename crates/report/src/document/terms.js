// A term shows its explanation when pointed at or reached with the keyboard; following its link unfolds the list of terms.
(() => {
  const tip = document.getElementById('tip');
  const marks = { SUP: '^', SUB: '_' };
  const plain = (node) => [...node.childNodes].map((part) => (marks[part.nodeName] ?? '') + part.textContent).join('');
  for (const link of document.querySelectorAll('a.term')) {
    const meaning = document.querySelector(link.hash)?.nextElementSibling;
    if (!meaning) continue;
    link.dataset.tip = plain(meaning);
    link.addEventListener('focus', () => {
      const place = link.getBoundingClientRect();
      tip.textContent = link.dataset.tip;
      tip.hidden = false;
      const fits = place.bottom + 8 + tip.offsetHeight < innerHeight;
      tip.style.left = `${Math.max(8, Math.min(place.left, innerWidth - tip.offsetWidth - 8))}px`;
      tip.style.top = `${fits ? place.bottom + 8 : place.top - tip.offsetHeight - 8}px`;
    });
    link.addEventListener('blur', () => { tip.hidden = true; });
  }
  const unfold = () => {
    const term = location.hash.startsWith('#term-') && document.getElementById(location.hash.slice(1));
    if (!term) return;
    for (let up = term.parentElement; up; up = up.parentElement) if (up.localName === 'details') up.open = true;
    term.scrollIntoView();
  };
  addEventListener('hashchange', unfold);
  unfold();
})();
