// Tables with a sheet: a click on a head sorts by its column, a second click the other way round; and a link saves the table.
(() => {
  const missing = (text) => text === '' || text === '—';
  const exact = (cell) => cell.dataset.v ?? cell.textContent.trim();
  for (const table of document.querySelectorAll('table[data-csv]')) {
    const heads = [...table.tHead.rows[0].cells];
    const names = heads.map((head) => head.textContent);
    const body = table.tBodies[0];
    const number = (text) => Number(text.replace('−', '-').replace('%', ''));
    const sort = (column) => {
      const down = heads[column].getAttribute('aria-sort') === 'ascending';
      for (const head of heads) head.removeAttribute('aria-sort');
      heads[column].setAttribute('aria-sort', down ? 'descending' : 'ascending');
      const rows = [...body.rows].map((row) => [exact(row.cells[column]), row]);
      const numbers = rows.every(([text]) => missing(text) || !Number.isNaN(number(text)));
      const compare = (a, b) => numbers
        ? number(a) - number(b)
        : a.localeCompare(b, 'en', { numeric: true });
      // Rows without a value come last, whichever way.
      rows.sort(([a], [b]) => {
        if (missing(a) || missing(b)) return missing(a) - missing(b);
        return down ? compare(b, a) : compare(a, b);
      });
      body.append(...rows.map(([, row]) => row));
    };
    heads.forEach((head, column) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.title = 'Sort by this column';
      button.append(...head.childNodes);
      button.addEventListener('click', () => sort(column));
      head.append(button);
    });
    const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const value = (cell) => (missing(exact(cell)) ? '' : exact(cell).replaceAll('\u00a0', ' ').replace(/^−(?=\d)/, '-'));
    const csv = () => [names, ...[...body.rows].map((row) => [...row.cells].map(value))]
      .map((line) => line.map(quoted).join(',') + '\n').join('');
    const link = document.createElement('a');
    link.className = 'save';
    link.textContent = `Save as CSV (${table.dataset.csv})`;
    link.download = table.dataset.csv;
    link.href = '#';
    link.addEventListener('click', () => {
      link.href = URL.createObjectURL(new Blob([csv()], { type: 'text/csv' }));
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    });
    table.parentNode.before(link);
  }
})();
