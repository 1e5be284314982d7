// What the controls of the page do. Text of people and of the graph goes into the page through text() alone.
const explore = (() => {
  const text = value => String(value).replace(/[&<>"'`]/g, letter => `&#${letter.charCodeAt(0)};`);
  // What Bokeh would take for TeX.
  const plain = value => value.replace(/\$(?=\$)|\\(?=[[(])/g, "$&\u200b");
  const column = (page, key) => page.source.get_column(key);

  // Value and error to two digits of the error, as formatting.py writes them for the tables of the report.
  function measurement(value, error, otherwise) {
    if (!isFinite(value)) return text(otherwise || "—");
    const order = (number, ...digits) => Number(Math.abs(number).toExponential(...digits).split("e")[1]);
    const known = isFinite(error) && error > 0;
    const top = value === 0 && !known ? 0 : Math.max(value === 0 ? -Infinity : order(value), known ? order(error, 1) : -Infinity);
    const shift = top < -3 || top > 4 ? top : 0;
    const power = shift ? ` × 10${String(shift).replace(/./g, sign => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)])}` : "";
    const minus = number => number.replace("-", "−");
    if (!known) return text(minus(String(Number((value / 10 ** shift).toPrecision(4)))) + power + (error === 0 ? " ± 0" : ""));
    const digits = Math.min(12, Math.max(0, shift - order(error, 1) + 1));
    const both = `${minus((value / 10 ** shift).toFixed(digits))} ± ${(error / 10 ** shift).toFixed(digits)}`;
    return text(shift ? `(${both})${power}` : both);
  }

  function filter(page) {
    const what = page.what && column(page, "what"), wanted = page.what && page.kinds[page.what.active];
    const words = page.search.value_input.toLowerCase().split(/\s+/).filter(Boolean);
    const [label, message, uuid] = ["label", "message", "uuid"].map(key => column(page, key));
    const choices = page.choices.filter(([, widget]) => widget.value.length)
      .map(([key, widget, names]) => [column(page, key), new Set(widget.value.map(index => names[index]))]);
    // The steps of a slider meet the values but for rounding.
    const slack = widget => 1e-6 * (widget.end - widget.start);
    const ranges = page.ranges.filter(([, widget]) => widget.value[0] > widget.start || widget.value[1] < widget.end)
      .map(([key, widget]) => [column(page, key), widget.value[0] - slack(widget), widget.value[1] + slack(widget)]);
    const kept = [];
    for (let i = 0; i < label.length; i++) {
      if (what && what[i] !== wanted) continue;
      if (!choices.every(([values, chosen]) => chosen.has(values[i]))) continue;
      if (!ranges.every(([values, low, high]) => values[i] >= low && values[i] <= high)) continue;
      const said = words.length ? `${label[i]} ${message[i]} ${uuid[i]}`.toLowerCase() : "";
      if (words.every(word => said.includes(word))) kept.push(i);
    }
    page.kept.indices = kept;
    page.source.selected.indices = [];
    count(page);
  }

  const logarithmic = (page, select, box) => box.active && !page.words[select.value];

  function count(page) {
    const [x, y] = [column(page, "x"), column(page, "y")], kept = page.kept.indices;
    const total = page.what ? column(page, "what").filter(kind => kind === page.kinds[page.what.active]).length : x.length;
    const drawable = (values, select, box) => i => isFinite(values[i]) && (values[i] > 0 || !logarithmic(page, select, box));
    const drawn = kept.filter(drawable(x, page.x, page.log_x)).filter(drawable(y, page.y, page.log_y));
    page.count.text = `<b>${kept.length}</b> of ${total} rows, <b>${drawn.length}</b> marks in the plot`;
  }

  function plot(page) {
    const axis = (select, box) => {
      const key = select.value, error = page.with_error.includes(key) ? column(page, `${key}_error`) : null;
      const names = page.words[key], log = logarithmic(page, select, box);
      const values = Float64Array.from(column(page, key), value => names ? names.indexOf(value) : value);
      // A bar that reaches below zero leaves a logarithmic plot at the bottom.
      const bar = i => error && isFinite(error[i]) ? error[i] : 0;
      const end = sign => (value, i) => Math.max(value + sign * bar(i), log ? 1e-300 : -Infinity);
      return [values, values.map(end(-1)), values.map(end(+1)), log, plain(page.titles[key]), names];
    };
    const [x, left, right, log_x, title_x, names_x] = axis(page.x, page.log_x);
    const [y, low, high, log_y, title_y, names_y] = axis(page.y, page.log_y);
    const group = column(page, page.colour.value), [factors, palette] = page.palettes[page.colour.value];
    page.mapper.setv({factors: factors.map(value => plain(String(value))), palette});
    const named = Array.from(group, value => plain(String(value)));
    for (const [key, values] of Object.entries({x, y, left, right, low, high, group: named})) page.source.set(key, values);
    page.source.change.emit();
    page.figure.x_range.renderers = log_x ? [page.marks] : [page.marks, page.bars_x];
    page.figure.y_range.renderers = log_y ? [page.marks] : [page.marks, page.bars_y];
    page.figure.setv({x_scale: page.scales[+log_x], y_scale: page.scales[2 + +log_y]});
    const label = (axes, tickers, log, title, names) => {
      axes.forEach((one, index) => one.setv({visible: index === +log, axis_label: title}));
      tickers[1].ticks = (names || []).map((_, index) => index);
      axes[0].setv({ticker: tickers[+Boolean(names)], major_label_overrides: {...(names || []).map(plain)}});
    };
    label(page.axes_x, page.tickers_x, log_x, title_x, names_x);
    label(page.axes_y, page.tickers_y, log_y, title_y, names_y);
    page.legend.title = plain(page.titles[page.colour.value]);
    page.legend.visible = factors.length > 1 && factors.length <= page.longest_legend;
    page.figure.reset.emit();
    count(page);
  }

  function begin(page) {
    filter(page);
    plot(page);
  }

  function show(page) {
    const chosen = page.source.selected.indices;
    const get = key => column(page, key);
    const nodes = i => get("uuid")[i] ? [i] : get("what")[i] === page.kinds[0] ? [] :
      get("condition").map((one, k) => one === get("condition")[i] && get("uuid")[k] ? k : -1).filter(k => k >= 0);
    const written = (key, i) => {
      if (page.words[key]) return text(get(key)[i]);
      const error = page.with_error.includes(key) ? get(`${key}_error`)[i] : NaN;
      return measurement(get(key)[i], error, (get(`${key}_text`) || [])[i]);
    };
    const told = chosen.slice(0, page.most_told).map(i => {
      const state = get("message")[i] ? `${get("state")[i]}: ${get("message")[i]}` : get("state")[i];
      const entries = [...new Set([page.x.value, page.y.value])].map(key => [page.titles[key], written(key, i)]);
      const commands = nodes(i).map(k => `<code class="node">verdi node show ${text(get("uuid")[k])}</code>`);
      const list = [["State", text(state)], ...entries, ["Workchain", commands.join("<br>") || "none"]];
      return `<h3>${text(get("label")[i])}</h3><dl>${list.map(([term, html]) => `<dt>${text(term)}</dt><dd>${html}</dd>`).join("")}</dl>`;
    });
    if (chosen.length > told.length) told.push(`<p class="note">… and ${chosen.length - told.length} more</p>`);
    document.getElementById("selected").innerHTML = told.join("") || `<p class="note">${text(page.hint)}</p>`;
  }

  function arrange(page) {
    const wanted = new Set(page.shown.value);
    page.columns.forEach((one, index) => { one.visible = wanted.has(String(index)); });
  }

  return {begin, measurement, filter, plot, show, arrange};
})();
Bokeh.set_log_level("error");
