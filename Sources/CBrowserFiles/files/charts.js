/** Live charts of numbers that come about once a second: lines over the last two minutes, in SVG. */
var Charts = (() => {
  "use strict";

  const windowMs = 120_000;
  const gutter = { left: 46, right: 6, top: 8, bottom: 20 };
  const names = ["one", "two", "three"];

  const element = (name, attributes = {}, ...children) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };

  /** The least of 1, 2, 5, 10, 20 … that is not below the value. */
  const roundUp = (value) => {
    const power = 10 ** Math.floor(Math.log10(value));
    return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value * (1 - 1e-9));
  };

  class Chart {
    #svg;
    #series;
    #format;
    #least;
    #values = [];
    #points = [];

    /**
     * @param {HTMLElement} figure With a caption, to which the legend is added.
     * @param {string[]} labels Of up to three series.
     * @param {{ format: (value: number) => string, least: number }} options How a number is written, and the least that the vertical axis
     *   goes up to.
     */
    constructor(figure, labels, { format, least }) {
      this.#format = format;
      this.#least = least;
      this.#svg = element("svg", { role: "img", "aria-label": figure.querySelector("h2").textContent + ", the last two minutes" });
      const legend = document.createElement("dl");
      legend.className = "legend";
      this.#series = labels.map((label, index) => {
        const row = document.createElement("div");
        const term = document.createElement("dt");
        const value = document.createElement("dd");
        const sample = element("svg", { "aria-hidden": "true" }, element("path", { d: "M1 4H17", class: `series ${names[index]}` }));
        term.append(sample, label);
        value.textContent = "–";
        row.append(term, value);
        legend.append(row);
        this.#values.push(value);
        return element("path", { class: `series ${names[index]}` });
      });
      figure.querySelector("figcaption").append(legend);
      figure.append(this.#svg);
      new ResizeObserver(() => this.#draw()).observe(this.#svg);
    }

    /**
     * @param {number} time Milliseconds.
     * @param {(number | null)[]} values One for each series; null where there is none.
     */
    add(time, values) {
      this.#points.push({ time, values });
      while (this.#points[0].time < time - windowMs - 2000) this.#points.shift();
      values.forEach((value, index) => {
        this.#values[index].textContent = value === null ? "–" : this.#format(value);
      });
      this.#draw();
    }

    #draw() {
      const { clientWidth: width, clientHeight: height } = this.#svg;
      if (!width || !height) return;
      const end = this.#points.at(-1)?.time ?? 0;
      const greatest = Math.max(this.#least, ...this.#points.flatMap((point) => point.values.map((value) => value ?? 0)));
      const top = roundUp(greatest);
      const x = (time) => width - gutter.right - ((end - time) / windowMs) * (width - gutter.left - gutter.right);
      const y = (value) => height - gutter.bottom - (value / top) * (height - gutter.top - gutter.bottom);

      const parts = [0, top / 2, top].flatMap((value) => [
        element("path", { class: "grid", d: `M${gutter.left} ${Math.round(y(value)) + 0.5}H${width - gutter.right}` }),
        element("text", { x: gutter.left - 8, y: y(value) + 4, "text-anchor": "end" }, this.#format(value)),
      ]);
      const marks = [[windowMs, "2 min ago", "start"], [windowMs / 2, "1 min", "middle"], [0, "now", "end"]];
      for (const [age, label, anchor] of marks) {
        parts.push(element("text", { x: x(end - age), y: height - 4, "text-anchor": anchor }, label));
      }
      this.#series.forEach((path, index) => path.setAttribute("d", this.#path(index, x, y, end)));
      this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      this.#svg.replaceChildren(...parts, ...this.#series);
    }

    /** A line with a hole where there was no value. */
    #path(index, x, y, end) {
      let path = "";
      let isDown = false;
      for (const { time, values } of this.#points) {
        const value = values[index];
        if (value !== null && time >= end - windowMs) path += `${isDown ? "L" : "M"}${x(time).toFixed(1)} ${y(value).toFixed(1)}`;
        isDown = value !== null && time >= end - windowMs;
      }
      return path;
    }
  }

  /**
   * The value below which that share of a histogram's entries lie, taken to be spread evenly within their bucket; null if there are none.
   * @param {number[]} bounds The upper ones of the buckets but the last, which takes all that lies beyond.
   * @param {number[]} counts
   * @param {number} share
   */
  const percentile = (bounds, counts, share) => {
    const total = counts.reduce((sum, count) => sum + count, 0);
    if (total === 0) return null;
    let rest = share * total;
    for (let index = 0; index < bounds.length; index += 1) {
      const below = index > 0 ? bounds[index - 1] : 0;
      if (rest <= counts[index]) return below + (bounds[index] - below) * (rest / counts[index]);
      rest -= counts[index];
    }
    return bounds.at(-1);
  };

  return { Chart, percentile };
})();
