"use strict";

// What Bokeh's callbacks, and those who look into the page, call.
window.latentgrid = { hover: () => {}, ready: false };

(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);

  // Text goes into the page as text, whatever characters it holds.
  function element(tag, properties = {}, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  const plural = (count, what) => `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;

  sortable(byId("table"));
  filters();
  if (window.Bokeh) whenDrawn().then(dress);
  if (data.pipelines) whenDrawn().then(lookInside);
  else window.latentgrid.ready = true;

  // ---- the table of pipelines ----

  function sortable(table) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = head.querySelector("button");
      if (!button) return;
      button.addEventListener("click", () => {
        const before = head.getAttribute("aria-sort");
        const first = "down" in button.dataset ? "descending" : "ascending";
        const other = first === "ascending" ? "descending" : "ascending";
        heads.forEach((each) => each.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", before === first ? other : first);
        // Each group is sorted by itself.
        for (const body of table.tBodies) {
          sort(body, column, "number" in button.dataset, head.getAttribute("aria-sort"));
        }
      });
    });
  }

  function isHeading(row) {
    return row.classList.contains("group");
  }

  function sort(body, column, numbers, direction) {
    const sign = direction === "ascending" ? 1 : -1;
    const value = (row) => {
      const cell = row.cells[column];
      if (!numbers) return cell.textContent.trim();
      return cell.dataset.order ? Number(cell.dataset.order) : null;
    };
    // Losses are in order among images of one size.
    const within = (row) => Number(row.cells[column].dataset.within ?? 0);
    const compare = (one, other) => {
      const [a, b] = [value(one), value(other)];
      if (a === null || b === null) return (a === null) - (b === null); // those without come last
      const apart = within(one) - within(other);
      if (apart) return apart;
      return sign * (numbers ? a - b : a.localeCompare(b, "en", { numeric: true }));
    };
    body.append(...[...body.rows].filter((row) => !isHeading(row)).sort(compare));
  }

  function filters() {
    const [text, status, groups] = [byId("filter"), byId("status"), [...byId("table").tBodies]];
    const rows = groups.flatMap((body) => [...body.rows].filter((row) => !isHeading(row)));
    const apply = () => {
      const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of rows) {
        const all = row.textContent.toLowerCase();
        const wanted = !status.value || row.dataset.status === status.value;
        row.hidden = !(wanted && words.every((word) => all.includes(word)));
      }
      for (const body of groups) body.hidden = [...body.rows].every((row) => isHeading(row) || row.hidden);
      const left = rows.filter((row) => !row.hidden).length;
      byId("shown").textContent = `${left} of ${plural(rows.length, "pipeline")}`;
    };
    text.addEventListener("input", apply);
    status.addEventListener("change", apply);
    apply();
  }

  // ---- light and dark ----

  async function whenDrawn() {
    const drawn = () => window.Bokeh.documents.length > 0 &&
      window.Bokeh.documents[0].roots().every((root) => window.Bokeh.index.get_one(root));
    while (!drawn()) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  function dress() {
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    const apply = (isDark) => {
      const [ink, line] = isDark ? ["#e8eaee", "#3a3f48"] : ["#1b1d21", "#d4d8de"];
      for (const plot of window.Bokeh.documents[0].roots()) {
        plot.outline_line_color = line;
        for (const axis of [...plot.below, ...plot.left]) {
          Object.assign(axis, {
            axis_label_text_color: ink, major_label_text_color: ink, axis_line_color: ink,
            major_tick_line_color: ink, minor_tick_line_color: null,
          });
        }
        for (const grid of plot.center) if ("grid_line_color" in grid) grid.grid_line_color = line;
        for (const legend of plot.above) {
          Object.assign(legend, {
            label_text_color: ink, background_fill_alpha: 0, border_line_alpha: 0,
          });
        }
        for (const side of "ab") {
          const ring = plot.select(`ring-${side}`)[0];
          if (ring) ring.glyph.line_color = isDark ? "#ffffff" : "#000000";
        }
      }
    };
    apply(dark.matches);
    dark.addEventListener("change", () => apply(dark.matches));
    window.addEventListener("beforeprint", () => {
      apply(false);
      // At once: what is drawn at the next frame comes too late for paper.
      for (const plot of window.Bokeh.documents[0].roots()) window.Bokeh.index.get_one(plot).paint();
    });
    window.addEventListener("afterprint", () => apply(dark.matches));
  }

  // ---- the embeddings ----

  function lookInside() {
    const MOST_TILES = 300;
    const MOST_KEYS = 40; // entries of a legend
    const MOST_SHEETS = 40; // made at once; those of more clusters when they come into view
    const PER_STRIP = 24;
    const count = data.count;
    const named = (name) => window.Bokeh.documents[0].get_model_by_name(name);
    const [points, pointed] = [named("points"), named("pointed")];
    const plots = { a: named("embedding-a"), b: named("embedding-b") };

    const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
    const labels = data.labels === null ? null : new Int16Array(bytes(data.labels));
    const errors = new Map(
      Object.entries(data.errors).map(([model, text]) => [model, new Float32Array(bytes(text))]),
    );
    const reconstructions = new Map(Object.entries(data.reconstructions));
    const unpacked = new Map(); // pipelines, once they were asked for
    const state = { a: 0, b: Math.min(1, data.pipelines.length - 1), color: "label", at: null };

    function pipeline(number) {
      if (!unpacked.has(number)) {
        const packed = data.pipelines[number];
        unpacked.set(number, {
          ...packed,
          x: new Uint16Array(bytes(packed.x)),
          y: new Uint16Array(bytes(packed.y)),
          clusters: new Int16Array(bytes(packed.clusters)),
          distance: new Uint16Array(bytes(packed.distance)),
          ambiguity: new Uint16Array(bytes(packed.ambiguity)),
          labelOf: new Map(packed.assignment),
          nameOf: new Map(packed.clusterNames),
        });
      }
      return unpacked.get(number);
    }
    const shown = (side) => pipeline(state[side]);

    const clusterName = (of, cluster) => {
      if (cluster < 0) return "in no cluster";
      return `cluster ${cluster}` + (of.nameOf.has(cluster) ? `: ${of.nameOf.get(cluster)}` : "");
    };
    const isKnown = (image) => labels !== null && labels[image] >= 0;
    const labelName = (image) => (isKnown(image) ? data.classes[labels[image]] : "not known");
    const isWrong = (of, image) =>
      isKnown(image) && of.labelOf.get(of.clusters[image]) !== labels[image];

    // ---- images ----

    const addresses = new Map(); // of sheets, made once
    function address(url) {
      if (!addresses.has(url)) {
        const type = url.slice(5, url.indexOf(";"));
        const blob = new Blob([bytes(url.slice(url.indexOf(",") + 1))], { type });
        addresses.set(url, URL.createObjectURL(blob));
      }
      return addresses.get(url);
    }

    // An image, or what a model made of it, so many times as large.
    function tile(tag, sheets, image, scale, description) {
      const { perRow } = data;
      const [sheet, place] = [Math.floor(image / perRow ** 2), image % perRow ** 2];
      const inSheet = Math.min(count - sheet * perRow ** 2, perRow ** 2);
      const [columns, rows] = [Math.min(inSheet, perRow), Math.ceil(inSheet / perRow)];
      const size = data.tile * scale;
      const made = element(tag, { className: "tile", title: description });
      if (tag === "span") made.setAttribute("role", "img");
      made.setAttribute("aria-label", description);
      Object.assign(made.style, {
        width: `${size}px`, height: `${size}px`,
        backgroundImage: `url(${address(sheets[sheet])})`,
        backgroundSize: `${columns * size}px ${rows * size}px`,
        backgroundPosition: `${-(place % perRow) * size}px ${-Math.floor(place / perRow) * size}px`,
      });
      return made;
    }

    function described(of, image) {
      const parts = [data.names[image], clusterName(of, of.clusters[image])];
      if (labels !== null) parts.splice(1, 0, `label ${labelName(image)}`);
      parts.push(`ambiguity ${(of.ambiguity[image] / 65535).toFixed(2)}`);
      return parts.join(", ");
    }

    // ---- colors ----

    const mark = (group) => data.marks[group % data.marks.length];
    const { right: RIGHT, wrong: WRONG, none: NONE, shapes: SHAPES } = data;

    // A cluster has the color of the label that it is assigned to, if there is one.
    const clusterMark = (of, cluster) =>
      cluster < 0 ? NONE : mark(of.labelOf.has(cluster) ? of.labelOf.get(cluster) : cluster);

    function most(values) { // what all but one in fifty are below: one outlier grays the others
      const sorted = Float32Array.from(values).sort();
      return sorted[Math.floor(0.98 * (sorted.length - 1))];
    }

    // One scale for both embeddings: the same color is the same error.
    const scale = () => Math.max(...["a", "b"].map((side) => errors.get(shown(side).model))
      .filter(Boolean).map(most));

    function marks(side) {
      const of = shown(side);
      if (state.color === "label" && labels !== null) {
        return (image) => (isKnown(image) ? mark(labels[image]) : NONE);
      }
      if (state.color === "mistake" && labels !== null) {
        return (image) => (isWrong(of, image) ? WRONG : isKnown(image) ? RIGHT : NONE);
      }
      if (state.color === "error" && errors.has(of.model)) {
        const [values, steps, greatest] = [errors.get(of.model), data.ramp.length - 1, scale()];
        const share = (image) => (greatest > 0 ? Math.min(values[image] / greatest, 1) : 0);
        return (image) => [data.ramp[Math.round(share(image) * steps)][0], "circle"];
      }
      return (image) => clusterMark(of, of.clusters[image]);
    }

    function key([color, marker], text) {
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      for (const [name, value] of [["width", 14], ["height", 14], ["viewBox", "0 0 16 16"], ["aria-hidden", true]]) {
        svg.setAttribute(name, value);
      }
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("d", SHAPES[marker]);
      path.setAttribute("fill", color);
      svg.append(path);
      return element("li", {}, svg, text);
    }

    function legend(side) {
      const [of, list] = [shown(side), byId(`legend-${side}`)];
      const unknown = allImages().filter((image) => !isKnown(image)).length;
      const unlabeled = unknown ? [key(NONE, `label not known (${unknown})`)] : [];
      let items;
      if (state.color === "label" && labels !== null) {
        const counts = tally(labels);
        items = data.classes.map((name, label) => key(mark(label), `${name} (${counts.get(label) ?? 0})`));
        items.push(...unlabeled);
      } else if (state.color === "mistake" && labels !== null) {
        const wrong = allImages().filter((image) => isWrong(of, image)).length;
        const right = count - wrong - unknown;
        items = [key(RIGHT, `right (${right})`), key(WRONG, `wrong (${wrong})`), ...unlabeled];
      } else if (state.color === "error" && errors.has(of.model)) {
        const ramp = element("span", { className: "ramp" });
        ramp.style.background = `linear-gradient(to right, ${data.ramp.map(([color]) => color).join(",")})`;
        const greatest = scale();
        items = greatest > 0
          ? [element("li", {}, "mean squared error 0", ramp, `${greatest.toPrecision(2)} or more`)]
          : [element("li", {}, "no error in any image")];
      } else {
        const counts = tally(of.clusters);
        items = clustersOf(of).map((cluster) =>
          key(clusterMark(of, cluster), `${clusterName(of, cluster)} (${counts.get(cluster) ?? 0})`));
        if (state.color === "error") items.unshift(element("li", {}, "No reconstruction; by cluster:"));
      }
      const rest = items.length - MOST_KEYS;
      if (rest > 0) items.splice(MOST_KEYS, rest, element("li", {}, `and ${rest} more`));
      list.replaceChildren(...items);
    }

    function tally(values) {
      const counts = new Map();
      for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
      return counts;
    }

    const allImages = () => Array.from({ length: count }, (_, image) => image);
    const clustersOf = (of) => [...of.numbers, ...(of.clusters.includes(-1) ? [-1] : [])];

    function paint() {
      const columns = {};
      for (const side of "ab") {
        const [of, look] = [shown(side), marks(side)];
        const found = allImages().map(look);
        columns[`x_${side}`] = Float32Array.from(of.x);
        columns[`y_${side}`] = Float32Array.from(of.y);
        columns[`color_${side}`] = found.map(([color]) => color);
        columns[`marker_${side}`] = found.map(([, marker]) => marker);
        legend(side);
        byId(`caption-${side}`).textContent =
          `${of.name}: ${of.score}. Shown: ${of.kind}. ${plural(count, "image")}, by ${state.color}.`;
        byId(`keys-${side}`).setAttribute("aria-label", `Embedding ${side.toUpperCase()}: ${of.name}`);
      }
      points.data = columns;
      point(state.at);
    }

    // ---- one image: under the pointer, or reached by keys ----

    function point(image) {
      state.at = image;
      const card = byId("card");
      card.hidden = image === null;
      const columns = {};
      for (const side of "ab") {
        columns[`x_${side}`] = image === null ? [] : [shown(side).x[image]];
        columns[`y_${side}`] = image === null ? [] : [shown(side).y[image]];
      }
      pointed.data = columns;
      if (image !== null) card.replaceChildren(...about(image));
    }

    function about(image) {
      const pictures = element("div", { className: "two" });
      const add = (sheets, text) => {
        if (sheets) {
          pictures.append(element("div", {}, tile("span", sheets, image, 80 / data.tile, text), element("span", {}, text)));
        }
      };
      add(data.originals, "original");
      const models = [...new Set([shown("a").model, shown("b").model])];
      for (const model of models.filter((each) => reconstructions.has(each))) {
        const sheets = reconstructions.get(model); // none: it gives every image back
        add(sheets.length ? sheets : data.originals, `by ${model}`);
      }
      const rows = [["image", data.names[image]]];
      if (labels !== null) rows.push(["label", labelName(image)]);
      for (const side of "ab") {
        const there = shown(side);
        const wrong = isWrong(there, image) ? ", wrong" : "";
        const ambiguity = `ambiguity ${(there.ambiguity[image] / 65535).toFixed(2)}`;
        rows.push([`in ${side.toUpperCase()}`, `${clusterName(there, there.clusters[image])}${wrong}, ${ambiguity}`]);
      }
      for (const model of models.filter((each) => errors.has(each))) {
        rows.push([`error by ${model}`, errors.get(model)[image].toPrecision(3)]);
      }
      const list = element("dl");
      for (const [name, value] of rows) list.append(element("dt", {}, name), element("dd", {}, value));
      return [pictures, list];
    }

    function placeCard(x, y) {
      const card = byId("card");
      const right = x + 20 + card.offsetWidth < window.innerWidth;
      const left = right ? x + 20 : Math.max(4, x - 20 - card.offsetWidth);
      const top = Math.min(Math.max(4, y - card.offsetHeight / 2), window.innerHeight - card.offsetHeight - 4);
      Object.assign(card.style, { left: `${left}px`, top: `${top}px`, right: "auto", bottom: "auto" });
    }

    function cornerCard(side) {
      const frame = byId(`keys-${side === "a" ? "b" : "a"}`).getBoundingClientRect();
      placeCard(frame.left, Math.max(frame.top, 0) + 140);
    }

    let mouse = [0, 0];
    let steering = false; // a pointer that rests in an embedding must not undo what keys do
    let finger = false; // which never hovers: it is shown what it taps
    window.latentgrid.hover = (indices) => {
      if (steering || finger) return;
      point(indices.length ? indices[0] : null);
      if (indices.length) placeCard(...mouse);
    };
    for (const side of "ab") {
      const frame = byId(`keys-${side}`);
      const track = (event) => {
        mouse = [event.clientX, event.clientY];
        finger = event.pointerType === "touch";
        steering = false;
      };
      frame.addEventListener("pointermove", track, true);
      frame.addEventListener("pointerdown", track, true);
      frame.addEventListener("mouseleave", () => { if (!finger) point(null); });
      frame.addEventListener("blur", () => point(null));
      frame.addEventListener("keydown", (event) => steer(event, side));
    }

    const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

    function steer(event, side) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const actions = {
        "+": () => zoom(side, 0.7), "=": () => zoom(side, 0.7), "-": () => zoom(side, 1 / 0.7),
        "0": () => plots[side].reset.emit(),
        Escape: () => { choose([]); point(null); },
        " ": () => toggle(state.at), Enter: () => toggle(state.at),
      };
      if (STEPS[event.key] || actions[event.key]) steering = true;
      if (STEPS[event.key]) {
        point(next(side, ...STEPS[event.key]));
        cornerCard(side);
        follow(side);
      } else if (actions[event.key]) actions[event.key]();
      else return;
      event.preventDefault();
    }

    // The nearest image in a direction: no further aside than ahead.
    function next(side, right, up) {
      const of = shown(side);
      if (state.at === null) return middle(of);
      let [found, least] = [state.at, Infinity];
      for (let image = 0; image < count; image++) {
        const [dx, dy] = [of.x[image] - of.x[state.at], of.y[image] - of.y[state.at]];
        const [ahead, aside] = [dx * right + dy * up, Math.abs(dx * up) + Math.abs(dy * right)];
        if (ahead > 0 && aside <= ahead && Math.hypot(dx, dy) < least) {
          [found, least] = [image, Math.hypot(dx, dy)];
        }
      }
      return found;
    }

    function middle(of) {
      const mean = (values) => values.reduce((sum, value) => sum + value, 0) / count;
      const [x, y] = [mean(of.x), mean(of.y)];
      const away = (image) => Math.hypot(of.x[image] - x, of.y[image] - y);
      return allImages().reduce((best, image) => (away(image) < away(best) ? image : best), 0);
    }

    function ranges(side) { return [plots[side].x_range, plots[side].y_range]; }

    function zoom(side, factor) {
      const of = shown(side);
      const center = state.at === null ? null : [of.x[state.at], of.y[state.at]];
      ranges(side).forEach((range, axis) => {
        const about = center ? center[axis] : (range.start + range.end) / 2;
        range.setv({
          start: about + (range.start - about) * factor, end: about + (range.end - about) * factor,
        });
      });
    }

    // Moves what is seen, so that the image reached by keys is in it.
    function follow(side) {
      const of = shown(side);
      ranges(side).forEach((range, axis) => {
        const at = [of.x, of.y][axis][state.at];
        const room = 0.05 * (range.end - range.start);
        const by = Math.max(0, at + room - range.end) - Math.max(0, range.start + room - at);
        if (by) range.setv({ start: range.start + by, end: range.end + by });
      });
    }

    // ---- selection ----

    function choose(images) {
      points.selected.indices = images;
    }

    function toggle(image) {
      if (image === null) return;
      const now = points.selected.indices;
      choose(now.includes(image) ? now.filter((each) => each !== image) : [...now, image]);
    }

    function showSelection() {
      const [of, images] = [shown("a"), points.selected.indices];
      const first = images.slice(0, MOST_TILES);
      const rest = images.length - first.length;
      byId("selection-count").textContent = images.length === 0
        ? "None. Draw a box or a lasso in an embedding, or choose from the list above."
        : `${plural(images.length, "image")}${rest ? `, of which the first ${MOST_TILES} are shown` : ""}.`;
      byId("selection").replaceChildren(...first.map((image) => picture(of, image)));
    }

    function picture(of, image) {
      const made = tile("span", data.originals, image, 48 / data.tile, described(of, image));
      made.dataset.image = image;
      if (isWrong(of, image)) made.classList.add("wrong");
      return element("li", {}, made);
    }

    const GROUPS = {
      cluster: (group) => (image) => shown("a").clusters[image] === group,
      label: (group) => (image) => labels[image] === group,
      mistakes: () => (image) => isWrong(shown("a"), image),
      // Numbers of clusters are arbitrary in each pipeline; the labels that they are assigned to are not.
      differ: () => (image) => assigned("a", image) !== assigned("b", image),
    };

    const assigned = (side, image) => shown(side).labelOf.get(shown(side).clusters[image]);

    function offerGroups() {
      const options = clustersOf(shown("a")).map((cluster) => [`cluster:${cluster}`, `${clusterName(shown("a"), cluster)} in A`]);
      if (labels !== null) {
        data.classes.forEach((name, label) => options.push([`label:${label}`, `label ${name}`]));
        options.push(["mistakes:", "mistakes in A"], ["differ:", "assigned to another label in B"]);
      }
      const list = byId("select");
      list.replaceChildren(list.options[0], ...options.map(([value, text]) => element("option", { value, textContent: text })));
      list.value = "";
    }

    let fromList = false;
    byId("select").addEventListener("change", (event) => {
      const [kind, group] = event.target.value.split(":");
      fromList = true;
      choose(kind ? allImages().filter(GROUPS[kind](Number(group))) : []);
      fromList = false;
    });
    byId("clear").addEventListener("click", () => choose([]));
    points.selected.change.connect(() => {
      if (!fromList) byId("select").value = "";
      showSelection();
      const [image] = points.selected.indices;
      if (finger && image !== undefined) {
        point(image);
        placeCard(...mouse);
      }
    });
    for (const place of ["selection", "sheets"]) {
      byId(place).addEventListener("click", (event) => {
        const image = event.target.closest("[data-image]")?.dataset.image;
        if (image === undefined) return;
        point(Number(image));
        placeCard(event.clientX, event.clientY);
      });
    }
    document.addEventListener("pointerdown", (event) => {
      if (!event.target.closest(".keys, [data-image]")) point(null);
    });

    // ---- clusters of embedding A ----

    function confusion(of) {
      byId("confusion-part").hidden = labels === null;
      if (labels === null) return;
      const clusters = clustersOf(of);
      const counts = data.classes.map(() => clusters.map(() => 0));
      const place = new Map(clusters.map((cluster, column) => [cluster, column]));
      allImages().filter(isKnown).forEach((image) => {
        counts[labels[image]][place.get(of.clusters[image])] += 1;
      });
      // Clusters stand in the order of their labels, so that what is right is the diagonal.
      const order = clusters.map((_, column) => column).sort((one, other) =>
        (of.labelOf.get(clusters[one]) ?? 1e9) - (of.labelOf.get(clusters[other]) ?? 1e9));
      const head = element("tr", {}, element("td"), ...order.map((column) =>
        element("th", { scope: "col", textContent: clusterName(of, clusters[column]) })));
      const rows = counts.map((row, label) => {
        const total = row.reduce((sum, value) => sum + value, 0) || 1;
        return element("tr", {}, element("th", { scope: "row", textContent: data.classes[label] }),
          ...order.map((column) => shaded(row[column], row[column] / total)));
      });
      byId("confusion").replaceChildren(element("thead", {}, head), element("tbody", {}, ...rows));
    }

    function shaded(value, share) {
      const made = element("td", { textContent: value });
      const [color, ink] = data.ramp[Math.round(share * (data.ramp.length - 1))];
      Object.assign(made.style, { background: color, color: ink });
      return made;
    }

    let coming = null; // what watches for sheets that come into view

    function contactSheets(of) {
      const members = new Map(clustersOf(of).map((cluster) => [cluster, []]));
      of.clusters.forEach((cluster, image) => members.get(cluster).push(image));
      coming?.disconnect();
      coming = new IntersectionObserver((entries) => {
        for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
          target.fill();
          coming.unobserve(target);
        }
      }, { rootMargin: "600px" });
      const parts = [...members].map(([cluster, images]) => {
        const part = element("section", { className: "cluster" },
          element("h3", { textContent: `${clusterName(of, cluster)}: ${plural(images.length, "image")}` }));
        part.fill = () => { if (images.length) part.append(bothStrips(of, images)); };
        return part;
      });
      byId("sheets").replaceChildren(...parts);
      for (const part of parts) parts.length > MOST_SHEETS ? coming.observe(part) : part.fill();
    }

    function bothStrips(of, images) {
      const typical = [...images].sort((one, other) => of.distance[one] - of.distance[other]);
      const ambiguous = [...images].sort((one, other) => of.ambiguity[other] - of.ambiguity[one]);
      return element("div", { className: "strips" },
        strip(of, "Most typical", typical), strip(of, "Most ambiguous", ambiguous));
    }

    const strip = (of, title, images) => element("div", {}, element("p", { textContent: title }),
      element("ul", { className: "tiles" }, ...images.slice(0, PER_STRIP).map((image) => picture(of, image))));

    // ---- which pipelines ----

    function show(side, number) {
      state[side] = number;
      byId(`pipeline-${side}`).value = number;
      for (const button of document.querySelectorAll(`.look[data-side="${side}"]`)) {
        const chosen = Number(button.dataset.pipeline) === number;
        button.classList.toggle("chosen", chosen);
        button.setAttribute("aria-pressed", chosen);
      }
      paint();
      if (side === "a") {
        const of = shown("a");
        byId("clusters-of").textContent =
          `${of.name}. Typical images are the nearest to their cluster's mean. Ambiguous images are nearly as near to another cluster's mean. ` +
          (labels === null ? "" : "Mistakes are outlined.");
        offerGroups();
        confusion(of);
        contactSheets(of);
      }
      showSelection();
    }

    for (const side of "ab") {
      const list = byId(`pipeline-${side}`);
      list.append(...data.pipelines.map((each, number) =>
        element("option", { value: number, textContent: `${each.name} (${each.score})` })));
      list.addEventListener("change", () => show(side, Number(list.value)));
      if (window.innerWidth < 760) plots[side].toolbar.active_drag = null; // touch scrolls the page
    }
    for (const button of document.querySelectorAll(".look")) {
      button.addEventListener("click", () => {
        show(button.dataset.side, Number(button.dataset.pipeline));
        byId("look").scrollIntoView();
      });
    }
    for (const input of document.querySelectorAll('input[name="color"]')) {
      const without = labels === null && ["label", "mistake"].includes(input.value);
      input.disabled = without || (input.value === "error" && !errors.size);
      input.addEventListener("change", () => { state.color = input.value; paint(); });
    }
    if (labels === null) state.color = "cluster";
    document.querySelector(`input[name="color"][value="${state.color}"]`).checked = true;
    show("b", state.b);
    show("a", state.a);
    Object.assign(window.latentgrid, { ready: true, state, points, plots, choose });
  }
})();
