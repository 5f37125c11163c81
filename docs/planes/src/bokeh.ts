// As the page has it in its first edition: a canvas, a field each for color and marker.
import { COLORS, DOT, measure, SHAPES, SIDE, type View } from "./common";

const { Bokeh } = window as any;

measure(async (elements, positions, groups, whole) => {
  const { ColumnDataSource, GlyphRenderer, LinearScale, PanTool, Plot, Range1d, Scatter, WheelZoomTool } = Bokeh.Models;
  const looks = (given: Uint8Array) => ({
    color: Array.from(given, (group) => COLORS[group]),
    marker: Array.from(given, (group) => SHAPES[group][0]),
  });
  const ends = ({ x, y, width }: View) => [x - width / 2, x + width / 2, y - width / 2, y + width / 2];
  const source = new ColumnDataSource({ data: {
    x_0: positions[0].x, y_0: positions[0].y, x_1: positions[1].x, y_1: positions[1].y, ...looks(groups),
  } });
  const plots = elements.map((_, side) => {
    const [left, right, bottom, top] = ends(whole);
    const glyph = (alpha: number) => new Scatter({
      x: { field: `x_${side}` }, y: { field: `y_${side}` }, marker: { field: "marker" }, size: { value: DOT },
      fill_color: { field: "color" }, line_color: { value: null }, fill_alpha: { value: alpha },
    });
    return new Plot({
      width: SIDE, height: SIDE, x_range: new Range1d({ start: left, end: right }),
      y_range: new Range1d({ start: bottom, end: top }), x_scale: new LinearScale(), y_scale: new LinearScale(),
      renderers: [new GlyphRenderer({ data_source: source, glyph: glyph(0.8), nonselection_glyph: glyph(0.15) })],
      toolbar_location: null,
    });
  });
  const document = new (Bokeh.require("document").Document)();
  plots.forEach((plot) => document.add_root(plot));
  await Bokeh.embed.add_document_standalone(document, elements[0], elements);
  const views = plots.map((plot) => Bokeh.index.get_one(plot));
  await Promise.all(views.map((view: any) => view.ready));
  const painted = (view: any) => new Promise<void>((resolve) => {
    const slot = () => {
      view.repainted.disconnect(slot);
      resolve();
    };
    view.repainted.connect(slot);
  });
  const coarse = location.hash === "#tenth"; // what it draws while somebody pans: every tenth point
  return {
    view: (plane, view) => {
      if (coarse) document.interactive_start(plots[plane]);
      const [left, right, bottom, top] = ends(view);
      plots[plane].x_range.setv({ start: left, end: right });
      plots[plane].y_range.setv({ start: bottom, end: top });
      return painted(views[plane]);
    },
    color: (given) => {
      source.data = { ...source.data, ...looks(given) };
      return Promise.all(views.map(painted));
    },
    finish: () => undefined,
  };
});
